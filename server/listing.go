package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belfry/belfry/inbox"
)

// listing is a part of an inbox with contents, all of it from one row.
type listing struct {
	row     inbox.State
	now     time.Time
	entries []*inbox.Entry
	items   []*inbox.Item // of the entries; nil for content that is late
	next    inbox.Place   // where the next page starts, or the zero Place
	pending uint64        // seq of the oldest entry without content, or 0
}

// selection picks entries of a row, and says where the next page starts.
type selection func(row *inbox.State, now time.Time) (entries []*inbox.Entry, next inbox.Place)

// awaitListing returns the selection as soon as the row has the version and all
// of its contents are there. After wire.MaxWait it returns what there is, contents
// missing, or errBehind if the row is.
//
// It looks at the newest row each time. A content can be missing because its
// item is gone already, which the row then shows a moment later.
func (s *Server) awaitListing(ctx context.Context, user string, version uint64, pick selection) (listing, error) {
	var l listing
	err := s.await(ctx, user, func() (bool, error) {
		row, err := s.config.Rows.Row(user)
		if err != nil {
			return false, fmt.Errorf("read row: %w", err)
		}
		l = listing{row: row, now: time.Now()}
		if row.Version < version {
			return false, nil
		}
		l.entries, l.next = pick(&l.row, l.now)
		if err := l.fill(s.config.Items, user); err != nil {
			return false, err
		}
		return l.pending == 0, nil
	}, s.config.Rows, s.config.Items)
	if errors.Is(err, errBehind) && l.row.Version >= version {
		err = nil
	}
	return l, err
}

// fill reads the contents of the entries.
func (l *listing) fill(items Items, user string) error {
	l.items = make([]*inbox.Item, len(l.entries))
	for i, e := range l.entries {
		item, ok, err := items.Item(user, e.Seq)
		switch {
		case err != nil:
			return fmt.Errorf("read item: %w", err)
		case ok:
			l.items[i] = &item
		case l.pending == 0 || e.Seq < l.pending:
			l.pending = e.Seq
		}
	}
	return nil
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
