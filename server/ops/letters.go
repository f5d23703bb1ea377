package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// Letters is the dead-letter topic as the ops page uses it. Its methods are safe
// for concurrent use.
type Letters interface {
	// List returns a page of dead letters, the newest first, without their
	// contents. An error about the query matches belfry.ErrInvalid.
	List(ctx context.Context, q deadletter.Query) (deadletter.Page, error)
	// Letter returns one with its contents. The error matches
	// deadletter.ErrNoLetter if there is none with that id.
	Letter(ctx context.Context, id deadletter.ID) (deadletter.Letter, error)
	// Replay processes letters again and returns what came of each, in order.
	Replay(ctx context.Context, ids []deadletter.ID) ([]deadletter.ReplayOutcome, error)
}

// place is where a record lies in its topic, as JSON.
type place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// letterPage is a page of letters.
type letterPage struct {
	Letters []letterBody `json:"letters"`
	Next    string       `json:"next,omitempty"` // absent on the last page
}

// letterBody is a dead letter as JSON. People's own texts are in Contents alone.
type letterBody struct {
	ID       place     `json:"id"`
	Reason   string    `json:"reason"`
	Group    string    `json:"group"`
	Rule     string    `json:"rule,omitempty"`
	Field    string    `json:"field,omitempty"`
	Topic    string    `json:"topic"`
	From     place     `json:"from"` // in that topic
	At       time.Time `json:"at,omitzero"`
	DeadAt   time.Time `json:"dead_at,omitzero"`
	Attempt  int       `json:"attempt"`
	Replayed bool      `json:"replayed"`
	// Cut says that it is not the whole record, and cannot be replayed.
	Cut bool `json:"cut"`
	// Size is that of the value, in bytes; 0 in a list.
	Size int `json:"size,omitempty"`

	Contents *letterContents `json:"contents,omitempty"`
}

// letterContents is what a record held. Texts that are not UTF-8 are quoted as
// Go does.
type letterContents struct {
	Error   string         `json:"error"` // it may quote the record
	Stack   string         `json:"stack,omitempty"`
	Key     *string        `json:"key"` // nil for null
	Value   *string        `json:"value"`
	Headers []letterHeader `json:"headers"`
}

// letterHeader is a header of the record.
type letterHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func newLetterBody(l *deadletter.Letter) letterBody {
	return letterBody{
		ID: place(l.ID), Reason: string(l.Reason), Group: l.Group, Rule: l.Rule, Field: l.Field,
		Topic: l.Topic, From: place{l.Partition, l.Offset},
		At: l.Timestamp.UTC(), DeadAt: l.DeadAt.UTC(), Attempt: l.Attempt, Replayed: l.Replayed, Cut: l.Cut(), Size: cmp.Or(l.Length, len(l.Value)),
	}
}

func newLetterContents(l *deadletter.Letter) *letterContents {
	out := &letterContents{Error: l.Error, Stack: l.Stack, Key: shownText(l.Key), Value: shownText(l.Value), Headers: []letterHeader{}}
	for _, h := range l.Headers {
		header := letterHeader{Name: h.Key}
		if text := shownText(h.Value); text != nil {
			header.Value = *text
		}
		out.Headers = append(out.Headers, header)
	}
	return out
}

// shownText is what a person can read: nil for null, and quoted if it is not
// UTF-8.
func shownText(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	if !utf8.Valid(b) {
		text = strconv.Quote(text)
	}
	return &text
}

const (
	defaultLetterPage = 20
	maxLetterPage     = 100
	// maxReplay is how many letters one call may replay.
	maxReplay = 100
)

// List answers GET /v1/ops/dead-letters.
func (s *Calls) List(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	limit, err := wire.Number(query, "limit", 1, maxLetterPage)
	if err != nil {
		return err
	}
	if s.config.Letters == nil {
		return ErrNoPart
	}
	q := deadletter.Query{Limit: cmp.Or(int(limit), defaultLetterPage)}
	if reason := query.Get("reason"); reason != "" {
		q.Filter.Reasons = []deadletter.Reason{deadletter.Reason(reason)}
	}
	if group := query.Get("group"); group != "" {
		q.Filter.Groups = []string{group}
	}
	if q.Before, err = deadletter.ParseCursor(query.Get("before")); err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	found, err := s.config.Letters.List(r.Context(), q)
	if err != nil {
		return unasked(r.Context(), fmt.Errorf("list dead letters: %w", err))
	}
	page := letterPage{Letters: make([]letterBody, len(found.Letters)), Next: found.Next.String()}
	for i := range found.Letters {
		page.Letters[i] = newLetterBody(&found.Letters[i])
	}
	wire.Respond(w, http.StatusOK, page)
	return nil
}

// Show answers GET /v1/ops/dead-letters/{partition}/{offset}.
func (s *Calls) Show(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	_, texts, err := parseContents(r)
	if err != nil {
		return err
	}
	partition, err1 := strconv.ParseInt(mux.Vars(r)["partition"], 10, 32)
	offset, err2 := strconv.ParseInt(mux.Vars(r)["offset"], 10, 64)
	if err1 != nil || err2 != nil {
		return belfry.Invalid("offset", "partition and offset must be whole numbers that Kafka has")
	}
	if s.config.Letters == nil {
		return ErrNoPart
	}
	id := deadletter.ID{Partition: int32(partition), Offset: offset}
	letter, err := s.config.Letters.Letter(r.Context(), id)
	switch {
	case errors.Is(err, deadletter.ErrNoLetter):
		return wire.ErrNotFound
	case err != nil:
		return unasked(r.Context(), fmt.Errorf("read dead letter: %w", err))
	}
	body := newLetterBody(&letter)
	if texts {
		s.tellOfTexts(c, "dead letter", id.String(), 1)
		body.Contents = newLetterContents(&letter)
	}
	wire.Respond(w, http.StatusOK, body)
	return nil
}

// replayBody is what a replay is asked for with.
type replayBody struct {
	Letters []place `json:"letters"`
}

// replayedBody is the answer.
type replayedBody struct {
	Outcomes []outcomeBody `json:"outcomes"`
}

// outcomeBody is what came of one letter.
type outcomeBody struct {
	ID      place  `json:"id"`
	Result  string `json:"result"`
	Problem string `json:"problem,omitempty"`
}

// Replay answers POST /v1/ops/dead-letters/replay.
func (s *Calls) Replay(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	raw, err := s.config.ReadBody(w, r)
	if err != nil {
		return err
	}
	var body replayBody
	if err := exactjson.Parse(raw, &body, `{"letters":[{"partition":P,"offset":O}]}`); err != nil {
		return err
	}
	if n := len(body.Letters); n < 1 || n > maxReplay {
		return belfry.Invalid("letters", "must name 1 to %d letters, names %d", maxReplay, n)
	}
	ids := make([]deadletter.ID, len(body.Letters))
	for i, at := range body.Letters {
		if at.Partition < 0 {
			return belfry.Invalid(fmt.Sprintf("letters[%d].partition", i), "must be 0 or more, is %d", at.Partition)
		}
		if at.Offset < 0 {
			return belfry.Invalid(fmt.Sprintf("letters[%d].offset", i), "must be 0 or more, is %d", at.Offset)
		}
		ids[i] = deadletter.ID(at)
	}
	if s.config.Letters == nil {
		return ErrNoPart
	}
	s.config.Logger.Info("dead letters replayed by an operator", "operator", c.Identity.Source(), "letters", len(body.Letters))
	outcomes, err := s.config.Letters.Replay(r.Context(), ids)
	if err != nil {
		return unasked(r.Context(), fmt.Errorf("replay dead letters: %w", err))
	}
	answer := replayedBody{make([]outcomeBody, len(outcomes))}
	for i, o := range outcomes {
		answer.Outcomes[i] = outcomeBody{place(o.Letter.ID), string(o.Result), o.Problem}
	}
	wire.Respond(w, http.StatusOK, answer)
	return nil
}
