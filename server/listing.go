package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/breath"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// listing is a part of an inbox with contents, all of it from one row. The contents
// are encoded one by one, and the memory for them is held by the answer as it is
// taken: a list is 6 MB and more where its items are full.
type listing struct {
	row     inbox.State
	now     time.Time
	next    inbox.Place // where the next page starts, or the zero Place
	pending uint64      // seq of the oldest entry without content, or 0
	items   [][]byte    // as JSON; none of a list that is unchanged
	// unchanged is that the client has this list, all of it, already.
	unchanged bool
	read      int // bytes of texts and data that were read for it
}

// listBytes is how much of contents a list may read before it counts as one more: a
// list of small items is one list, one of a hundred full items is 25.
const listBytes = 256 << 10

// listQuery is what a client asks for.
type listQuery struct {
	call     auth.Call
	version  uint64 // that the row must have
	page     inbox.PageQuery
	seen     wire.Condition
	language string // Accept-Language
	answer   *response
}

// worksFor waits for a turn of work for a caller, who is a token's subject, or else his address.
func (s *Server) worksFor(ctx context.Context, r *http.Request, caller auth.Identity) (leave func(), err error) {
	address := s.clientAddress(r)
	ctx, cancel := context.WithTimeout(ctx, wire.MaxWait)
	defer cancel()
	client := cmp.Or(caller.Subject, address.String())
	if s.trusted(address) {
		address = netip.Addr{} // a proxy that does not say for whom it asks stands for many
	}
	return s.work.Enter(ctx, client, address)
}

// awaitListing returns the page as soon as the row has the version and all of its
// contents are there. After wire.MaxWait it returns what there is, contents missing,
// or errBehind if the row is.
//
// It looks at the newest row each time. A content can be missing because its
// item is gone already, which the row then shows a moment later.
func (s *Server) awaitListing(ctx context.Context, q *listQuery) (listing, error) {
	var l listing
	err := s.await(ctx, q.call.User, func() (bool, error) {
		row, err := s.config.Rows.Row(q.call.User)
		if err != nil {
			return false, fmt.Errorf("read row: %w", err)
		}
		l = listing{row: row, now: time.Now()}
		if row.Version < q.version {
			return false, nil
		}
		leave, err := s.worksFor(ctx, q.answer.request, q.call.Identity)
		if err != nil {
			return false, err
		}
		defer leave()
		subject, service := q.call.Identity.Subject, isService(q.call.Identity)
		if err := s.lists.Check(subject, service, time.Now()); err != nil {
			return false, err
		}
		err = l.build(s.config.Items, q)
		s.lists.Charge(subject, service, l.read/listBytes, time.Now())
		return l.pending == 0, err
	}, s.config.Rows, s.config.Items)
	if errors.Is(err, errBehind) && l.row.Version >= q.version {
		err = nil
	}
	return l, err
}

// build reads and encodes the contents, unless the client has them all.
func (l *listing) build(items Items, q *listQuery) error {
	entries, next := l.row.Page(q.page, l.now)
	l.next = next
	if q.seen.Matches(l.tag(q.language)) {
		for _, e := range entries {
			if _, err := l.content(items, q.call.User, e.Seq); err != nil {
				return err
			}
		}
		if l.unchanged = l.pending == 0; l.unchanged {
			return nil
		}
	}
	texts := wire.NewTranslator(wire.ParseLanguages(q.language))
	var failed error
	contents := func(seq uint64) *inbox.Item {
		content, err := l.content(items, q.call.User, seq)
		failed = cmp.Or(failed, err)
		return content
	}
	total := 0
	// One of full items takes some ten milliseconds: others come in between.
	var stretches breath.Stretches
	for _, e := range entries {
		stretches.Next()
		item := wire.NewItem(e, contents, texts, l.now)
		if failed != nil {
			return failed
		}
		b, err := wire.Encode(&item)
		if err != nil {
			return fmt.Errorf("encode item: %w", err)
		}
		total += len(b)
		if err := q.answer.reserve(total); err != nil {
			return err
		}
		l.items = append(l.items, b)
	}
	return nil
}

// content returns what the inbox table holds of an item; nil if it is late.
func (l *listing) content(items Items, user string, seq uint64) (*inbox.Item, error) {
	item, ok, err := items.Item(user, seq)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read item: %w", err)
	case ok:
		l.read += item.Size()
		return &item, nil
	case l.pending == 0 || seq < l.pending:
		l.pending = seq
	}
	return nil, nil
}

// tag is the entity tag of a list that is complete.
func (l *listing) tag(language string) string {
	return wire.LanguageTag(wire.Tag(l.row.Stamp(l.now)), language)
}

// cursor is where a stream takes up: behind the oldest item that was listed
// without its content, so that the stream brings it.
func (l *listing) cursor() inbox.Cursor {
	c := l.row.Cursor()
	if l.pending != 0 {
		c.Version = l.pending - 1
	}
	return c
}
