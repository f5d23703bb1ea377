package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

// errBehind is returned when a table still shows less than the client knows.
var errBehind = errors.New("the table is behind what the client has seen")

// watcher is a table that reports changes, as [stream.Rows] does.
type watcher interface {
	Watch(recipient string, changed func()) (stop func())
}

// await calls look until it reports true or an error: at once, and again after
// each change of the recipient's part of the tables. After wire.MaxWait it returns
// errBehind, and at once if too many wait for that recipient already; when ctx ends,
// ctx's error. A request that waits is no load: it has nothing to do.
func (s *Server) await(ctx context.Context, recipient string, look func() (bool, error), tables ...watcher) error {
	if done, err := look(); done || err != nil {
		return err
	}
	if !s.waits.Enter(recipient) {
		return errBehind
	}
	defer s.waits.Leave(recipient)
	s.load.Requests.Add(-1)
	defer s.load.Requests.Add(1)
	defer limit.Idle(ctx)()
	changed := make(chan struct{}, 1)
	for _, t := range tables {
		defer t.Watch(recipient, func() {
			select {
			case changed <- struct{}{}:
			default: // a look is due already
			}
		})()
	}
	timeout := time.NewTimer(wire.MaxWait)
	defer timeout.Stop()
	for {
		// Also before the first wait: the change may have come before Watch.
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-timeout.C:
			return errBehind
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitRow returns the recipient's row as soon as enough(row) holds. After
// wire.MaxWait it returns the newest row together with errBehind; when ctx ends,
// ctx's error.
func (s *Server) awaitRow(ctx context.Context, recipient string, enough func(*inbox.State) bool) (inbox.State, error) {
	var row inbox.State
	err := s.await(ctx, recipient, func() (bool, error) {
		var err error
		row, err = s.config.Rows.Row(recipient)
		return err == nil && enough(&row), err
	}, s.config.Rows)
	return row, err
}

// awaitApplied is awaitRow for the journal record at p, and returns the row as it is shown
// then. Whether it was applied the stored row says: on the board of the partition more may
// have happened since, of which the shown row has the version.
func (s *Server) awaitApplied(ctx context.Context, recipient string, p inbox.Position) (inbox.State, error) {
	waited := s.await(ctx, recipient, func() (bool, error) {
		stored, err := s.config.Rows.Stored(recipient)
		return err == nil && stored.Applied(p), err
	}, s.config.Rows)
	if waited != nil && !errors.Is(waited, errBehind) {
		return inbox.State{}, waited
	}
	row, err := s.config.Rows.Row(recipient)
	if err != nil {
		return row, err
	}
	return row, waited
}

// awaitAsked is awaitRow for the call's parameter min_version.
func (s *Server) awaitAsked(r *http.Request, recipient string) (inbox.State, error) {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return inbox.State{}, err
	}
	version, err := wire.Number(query, "min_version", 0, 1<<64-1)
	if err != nil {
		return inbox.State{}, err
	}
	return s.awaitRow(r.Context(), recipient, atLeast(version))
}

// atLeast is the condition of a client that has seen version. Versions alone
// are compared, whatever the epoch: they never fall.
func atLeast(version uint64) func(*inbox.State) bool {
	return func(row *inbox.State) bool { return row.Version >= version }
}

// logs tells cursors of a log that is gone from those that this server is only
// behind of. It is safe for concurrent use.
type logs struct {
	rows   Rows
	epochs Epochs // nil: no log is known to be gone
	log    *slog.Logger

	mu       sync.Mutex // held during a look-up: those who wait share the next one
	lookedAt time.Time  // when the last one began
	epoch    uint32
	err      error // of the last look-up
}

// known returns the version that an answer to the client must have reached, from
// If-None-Match, the page before and the parameter min_version. The latter is a bare
// number; a cursor of a log that is gone counts for nothing.
func (l *logs) known(ctx context.Context, user string, seen wire.Condition, query url.Values, before ...inbox.Cursor) (uint64, error) {
	least, err := wire.Number(query, "min_version", 0, 1<<64-1)
	if err != nil {
		return 0, err
	}
	// All cursors of a request are judged by one look-up: it is a question to Kafka.
	present := sync.OnceValues(func() (uint32, error) { return l.present(ctx) })
	for _, c := range append(seen.Cursors(), before...) {
		if c.Version > least && !l.goneBy(present, user, c) {
			least = c.Version
		}
	}
	return least, nil
}

// gone reports whether c is above what the user's row shows and of an epoch that is
// neither the row's nor the journal's, which is looked up anew. If that
// fails c counts as one of the future.
func (l *logs) gone(ctx context.Context, user string, c inbox.Cursor) bool {
	return l.goneBy(func() (uint32, error) { return l.present(ctx) }, user, c)
}

// goneBy is gone with a look-up of the caller's.
func (l *logs) goneBy(present func() (uint32, error), user string, c inbox.Cursor) bool {
	if l.epochs == nil || c.IsZero() {
		return false
	}
	stamp, err := l.rows.Stamp(user, time.Now())
	if err != nil || c.Version <= stamp.Cursor.Version || c.Epoch == stamp.Cursor.Epoch && stamp.Cursor.Version > 0 {
		return false // the row answers it, or there is none yet
	}
	epoch, err := present()
	return err == nil && epoch != c.Epoch
}

// present returns the journal's epoch as it is after the call began.
func (l *logs) present(ctx context.Context) (uint32, error) {
	asked := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lookedAt.After(asked) {
		return l.epoch, l.err
	}
	l.lookedAt = time.Now()
	// Others wait for the outcome too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wire.MaxWait)
	defer cancel()
	if l.epoch, l.err = l.epochs.Epoch(ctx); l.err != nil {
		l.log.Warn("journal's epoch not looked up: a cursor of another one is waited for as if it were of the future", "err", l.err)
	}
	return l.epoch, l.err
}
