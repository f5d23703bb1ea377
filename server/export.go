package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// exportItem is an item with its texts in all languages.
type exportItem struct {
	wire.Item
	Title belfry.Text `json:"title,omitempty"`
	Body  belfry.Text `json:"body,omitempty"`
	// MemberOf is the seq of the item that stands for this notification of its collapse
	// key, 0 for one that is an item itself.
	MemberOf uint64 `json:"member_of,omitempty"`
}

// exportHead is the first line: the badge, what the user has muted, and the topics whose
// notices he gets.
type exportHead struct {
	wire.Badge
	Mutes  []wire.Mute `json:"mutes,omitempty"`
	Topics []string    `json:"topics,omitempty"`
}

// getExport answers GET /v1/users/{user}/export: all that is kept of a user as
// NDJSON, one JSON value a line. The first is the badge, the mutes and the topics, the rest are the items,
// oldest first, archived, expired and snoozed ones included, each after the notifications
// that it stands for besides its own; then preferences and endpoints, where there are
// some. An item that its sender has hidden is for admins
// until it shows. Contents are read one by one as the client takes them, since all of
// them may be a lot. One that is late is waited for, but for wire.MaxWait in all; an item
// that was removed meanwhile is left out.
func (s *Server) getExport(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	row, err := s.awaitAsked(r, c.User)
	if err != nil {
		return err
	}
	// An answer that has begun cannot become another one any more.
	abort := func(err error) {
		s.log.Error("export ended early, its client sees half an answer and has to ask again", "route", routeOf(r), "err", err)
		panic(http.ErrAbortHandler)
	}
	wire.Begin(w, "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(exportHead{wire.NewBadge(c.User, row.Badge(time.Now())), wire.NewMutes(&row), row.TopicNames()}); err != nil {
		return nil // the client has gone
	}
	var plain wire.Translator
	late, cancel := context.WithTimeout(r.Context(), wire.MaxWait)
	defer cancel()
	for e, of := range exported(&row, c.Identity.Has(auth.ScopeAdmin)) {
		item, kept, err := s.awaitItem(late, c.User, e.Seq)
		switch {
		case r.Context().Err() != nil:
			return nil // the client has gone
		case err != nil:
			abort(err)
		case !kept:
			continue
		}
		contents := func(seq uint64) *inbox.Item {
			if seq == e.Seq {
				return item
			}
			earlier, ok, failed := s.config.Items.Item(c.User, seq) // was waited for before
			if err = cmp.Or(err, failed); !ok {
				return nil
			}
			return &earlier
		}
		line := exportItem{Item: wire.NewItem(e, contents, &plain, time.Now()), MemberOf: of}
		if err != nil {
			abort(err)
		}
		if item != nil {
			line.Title, line.Body = item.Title, item.Body
		}
		if err := enc.Encode(line); err != nil {
			return nil // the client has gone
		}
	}
	lines, err := s.outreach.Exported(c.User, &row)
	if err != nil {
		abort(err)
	}
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return nil // the client has gone
		}
	}
	return nil
}

// exported yields the entries of a row in an export's order, and for one that an item
// only keeps the item's seq; born: also those that are born hidden.
func exported(row *inbox.State, born bool) iter.Seq2[*inbox.Entry, uint64] {
	return func(yield func(*inbox.Entry, uint64) bool) {
		for i := range row.Items {
			e := &row.Items[i]
			if e.Born && !born && e.Hidden(time.Now()) {
				continue
			}
			for _, m := range e.Earlier() {
				if !yield(&m, e.Seq) {
					return
				}
			}
			if !yield(e, 0) {
				return
			}
		}
	}
}

// awaitItem returns the content of an item as soon as it is there, nil if ctx ends
// before. It reports false if the row has no such item any more.
func (s *Server) awaitItem(ctx context.Context, user string, seq uint64) (content *inbox.Item, kept bool, err error) {
	err = s.await(ctx, user, func() (bool, error) {
		item, ok, err := s.config.Items.Item(user, seq)
		if ok || err != nil {
			content = &item
			return true, err
		}
		row, err := s.config.Rows.Row(user)
		_, shown := row.Entry(seq)
		kept = shown || row.Held(seq)
		return !kept, err
	}, s.config.Rows, s.config.Items)
	if errors.Is(err, errBehind) || errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return content, kept || content != nil, err
}
