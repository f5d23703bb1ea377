package server

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry/server/wire"
)

// Letters is the dead-letter topic as the ops page uses it. Its methods are safe
// for concurrent use.
type Letters interface {
	// List returns a page of dead letters, the newest first, without their
	// contents. An error about the query matches belfry.ErrInvalid.
	List(ctx context.Context, q LetterQuery) (LetterPage, error)
	// Letter returns one with its contents, and false if there is none.
	Letter(ctx context.Context, id LetterID) (Letter, bool, error)
	// Replay sends letters through again and returns what came of each, in
	// order.
	Replay(ctx context.Context, ids []LetterID) ([]LetterOutcome, error)
}

// ID is where a letter lies in the dead-letter topic.
type LetterID struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Query asks for a page. Empty texts mean all.
type LetterQuery struct {
	Reason string
	Group  string
	Limit  int
	Before string // Next of the page before
}

// Page is a page of letters.
type LetterPage struct {
	Letters []Letter `json:"letters"`
	Next    string   `json:"next,omitempty"` // absent on the last page
}

// Letter is a dead letter. What is people's own is in Contents alone.
type Letter struct {
	ID       LetterID  `json:"id"`
	Reason   string    `json:"reason"`
	Group    string    `json:"group"`
	Rule     string    `json:"rule,omitempty"`
	Field    string    `json:"field,omitempty"`
	Topic    string    `json:"topic"`
	From     LetterID  `json:"from"` // in that topic
	At       time.Time `json:"at,omitzero"`
	DeadAt   time.Time `json:"dead_at,omitzero"`
	Attempt  int       `json:"attempt"`
	Replayed bool      `json:"replayed"`
	// Cut says that it is not the whole record, and cannot be replayed.
	Cut bool `json:"cut"`
	// Size is that of the value, in bytes; 0 in a list.
	Size int `json:"size,omitempty"`

	Contents *LetterContents `json:"contents,omitempty"`
}

// LetterContents is what a record held. Texts that are not UTF-8 are quoted as
// Go does.
type LetterContents struct {
	Error   string         `json:"error"` // it may quote the record
	Stack   string         `json:"stack,omitempty"`
	Key     *string        `json:"key"` // nil for null
	Value   *string        `json:"value"`
	Headers []LetterHeader `json:"headers"`
}

// LetterHeader is a header of the record.
type LetterHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// LetterOutcome is what came of a replay.
type LetterOutcome struct {
	ID      LetterID `json:"id"`
	Result  string   `json:"result"`
	Problem string   `json:"problem,omitempty"`
}

const (
	defaultLetterPage = 20
	maxLetterPage     = 100
	// maxReplay is how many letters one call may replay.
	maxReplay = 100
)

// getLetters answers GET /v1/ops/dead-letters.
func (s *Server) getLetters(w http.ResponseWriter, r *http.Request, _ call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	limit, err := wire.Number(query, "limit", 1, maxLetterPage)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = defaultLetterPage
	}
	if s.config.Operations.Letters == nil {
		return errNoPart
	}
	page, err := s.config.Operations.Letters.List(r.Context(), LetterQuery{
		Reason: query.Get("reason"), Group: query.Get("group"), Limit: int(limit), Before: query.Get("before"),
	})
	if err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	if page.Letters == nil {
		page.Letters = []Letter{}
	}
	for i := range page.Letters {
		page.Letters[i].Contents = nil
	}
	wire.Respond(w, http.StatusOK, page)
	return nil
}

// getLetter answers GET /v1/ops/dead-letters/{partition}/{offset}.
func (s *Server) getLetter(w http.ResponseWriter, r *http.Request, c call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	texts, err := wantsContents(query)
	if err != nil {
		return err
	}
	partition, err1 := strconv.ParseInt(mux.Vars(r)["partition"], 10, 32)
	offset, err2 := strconv.ParseInt(mux.Vars(r)["offset"], 10, 64)
	if err1 != nil || err2 != nil {
		return wire.Invalid("offset", "partition and offset must be whole numbers that Kafka has")
	}
	if s.config.Operations.Letters == nil {
		return errNoPart
	}
	id := LetterID{int32(partition), offset}
	letter, ok, err := s.config.Operations.Letters.Letter(r.Context(), id)
	switch {
	case err != nil:
		return fmt.Errorf("read dead letter: %w", err)
	case !ok:
		return errNotFound
	}
	if texts {
		s.tellOfTexts(c, "dead letter", fmt.Sprint(id), 1)
	} else {
		letter.Contents = nil
	}
	wire.Respond(w, http.StatusOK, letter)
	return nil
}

// replayBody is what a replay is asked for with.
type replayBody struct {
	Letters []LetterID `json:"letters"`
}

// replayedBody is the answer.
type replayedBody struct {
	Outcomes []LetterOutcome `json:"outcomes"`
}

// postReplay answers POST /v1/ops/dead-letters/replay.
func (s *Server) postReplay(w http.ResponseWriter, r *http.Request, c call) error {
	raw, err := wire.ReadBody(w, r, s.config.Limits.BodyBytes, s.config.Limits.Request)
	if err != nil {
		return err
	}
	var body replayBody
	if err := wire.ParseJSON(raw, &body, `{"letters":[{"partition":P,"offset":O}]}`); err != nil {
		return err
	}
	if n := len(body.Letters); n < 1 || n > maxReplay {
		return wire.Invalid("letters", "must name 1 to %d letters, names %d", maxReplay, n)
	}
	if s.config.Operations.Letters == nil {
		return errNoPart
	}
	s.log.Info("dead letters replayed by an operator", "operator", c.identity.source(), "letters", len(body.Letters))
	outcomes, err := s.config.Operations.Letters.Replay(r.Context(), body.Letters)
	if err != nil {
		return fmt.Errorf("replay dead letters: %w", err)
	}
	wire.Respond(w, http.StatusOK, replayedBody{outcomes})
	return nil
}
