package server

import (
	"context"
	"errors"
	"time"

	"github.com/belfry/belfry/inbox"
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

// atLeast is the condition of a client that has seen version. Versions alone
// are compared, whatever the epoch: they never fall.
func atLeast(version uint64) func(*inbox.State) bool {
	return func(row *inbox.State) bool { return row.Version >= version }
}

// applied is the condition of a client whose command is at p in the journal.
func applied(p inbox.Position) func(*inbox.State) bool {
	return func(row *inbox.State) bool { return row.Applied(p) }
}
