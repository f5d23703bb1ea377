package upkeep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// Defaults of a sweep.
const (
	DefaultSweepInterval = time.Hour
	DefaultSweepAge      = time.Hour
	DefaultSweepRate     = 200 // tombstones a second
)

// sweepRetry is how soon a pass that failed is tried again, at the latest.
const sweepRetry = time.Minute

// maxOrphans bounds what one pass holds in memory; the next finds the rest.
const maxOrphans = 100_000

// Rows reads the unread table, as views.Unread does. The error matches
// belfry.ErrNotReady while nothing can be read.
type Rows interface {
	Stored(recipient string) (inbox.State, error)
}

// Contents reads the keys of the inbox table. Each calls visit for every
// content that the table holds, with the timestamp of its record, and returns
// the first error of visit as it is, or one that matches belfry.ErrNotReady
// while nothing can be read. Contents of one recipient should come in a row.
type Contents interface {
	Each(ctx context.Context, visit func(key inbox.ContentKey, written time.Time) error) error
}

// Remover takes contents out of the inbox table, as emitters.Items does. It
// returns when the broker has acknowledged the tombstone.
type Remover interface {
	Remove(ctx context.Context, key inbox.ContentKey) error
}

// SweepConfig says what to sweep and how fast. The zero values of the last
// fields stand for the defaults above and slog.Default.
type SweepConfig struct {
	Rows     Rows
	Contents Contents
	Items    Remover

	Interval time.Duration // between two passes, give or take a quarter
	MinAge   time.Duration // of a content to be looked at
	Rate     int           // tombstones a second, at the most
	Logger   *slog.Logger
}

// Sweep removes orphans from the inbox table: contents, of items and
// endpoints, that their user's row, at a version not below the seq, does not hold. They are left behind
// when a process dies between a row and its tombstones, and by writes of a
// paused owner. Nobody is ever shown one, since lists follow the row, but an
// erasure must be true on disk too.
//
// An orphan stays one: no later version of a row takes an item back. So it does
// no harm that several servers sweep at once, from views of different age, or
// remove one twice; the age only spares those whose tombstone is on its way.
type Sweep struct {
	cfg   SweepConfig
	log   *slog.Logger
	swept atomic.Int64
}

// NewSweep returns a sweep that does nothing until Run.
func NewSweep(cfg SweepConfig) *Sweep {
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultSweepInterval
	}
	if cfg.MinAge <= 0 {
		cfg.MinAge = DefaultSweepAge
	}
	if cfg.Rate <= 0 {
		cfg.Rate = DefaultSweepRate
	}
	return &Sweep{cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()).With("component", "sweep")}
}

// Swept is how many tombstones were written so far.
func (s *Sweep) Swept() int64 { return s.swept.Load() }

// Run makes a pass at each interval until ctx ends, the first within a quarter
// of one, so that servers that start together do not sweep together. A pass
// that fails is made again after a minute or the interval, whichever is
// shorter. It returns nil.
func (s *Sweep) Run(ctx context.Context) error {
	for pause := rand.N(max(s.cfg.Interval/4, 1)); sleep(ctx, pause); {
		wait := s.cfg.Interval
		if err := s.Pass(ctx); err != nil && ctx.Err() == nil {
			wait = min(wait, sweepRetry)
			s.log.Warn("sweep not finished", "err", err)
		}
		pause = wait*3/4 + rand.N(max(wait/2, 1))
	}
	return nil
}

// sleep waits for d and reports whether ctx did not end meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Pass looks at all contents once and removes the orphans among them. It may
// take hours where there are many, and ends with an error when ctx does.
func (s *Sweep) Pass(ctx context.Context) error {
	// All is read before anything is written: the writes are slow, and a view
	// that reads its table anew ends who goes through the old one.
	orphans, err := s.find(ctx)
	if err != nil {
		return fmt.Errorf("look for orphans: %w", err)
	}
	if len(orphans) > 0 {
		pace := time.NewTicker(max(time.Second/time.Duration(s.cfg.Rate), 1))
		defer pace.Stop()
		for _, o := range orphans {
			select {
			case <-pace.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := s.cfg.Items.Remove(ctx, o); err != nil {
				return fmt.Errorf("remove orphan: %w", err)
			}
			s.swept.Add(1)
		}
		s.log.Info("orphans removed", "count", len(orphans))
	}
	return nil
}

// errEnough ends a reading of the table.
var errEnough = errors.New("enough orphans for one pass")

func (s *Sweep) find(ctx context.Context) ([]inbox.ContentKey, error) {
	var found []inbox.ContentKey
	unreadable := 0
	row := cachedRow{rows: s.cfg.Rows}
	now := time.Now()
	err := s.cfg.Contents.Each(ctx, func(key inbox.ContentKey, written time.Time) error {
		if now.Sub(written) < s.cfg.MinAge {
			return nil
		}
		switch state, err := row.of(key.Recipient); {
		case errors.Is(err, belfry.ErrNotReady):
			return err
		case err != nil:
			unreadable++ // who can't read the row can't know what it holds
		case orphaned(state, key):
			found = append(found, key)
		}
		if len(found) == maxOrphans {
			return errEnough
		}
		return ctx.Err()
	})
	if unreadable > 0 {
		s.log.Warn("contents left alone, their rows cannot be read", "count", unreadable)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

// orphaned reports whether the row has seen the seq of a content and does not hold it. A
// row that was never written has seen nothing.
func orphaned(row *inbox.State, key inbox.ContentKey) bool {
	if row.Version == 0 || row.Version < key.Seq {
		return false
	}
	return !row.Holds(key)
}

// cachedRow keeps the row read last: a user's contents come together, and an
// older row than the newest only knows of fewer orphans.
type cachedRow struct {
	rows      Rows
	read      bool
	recipient string
	state     inbox.State
	err       error
}

func (c *cachedRow) of(recipient string) (*inbox.State, error) {
	if !c.read || c.recipient != recipient {
		c.state, c.err = c.rows.Stored(recipient)
		c.read, c.recipient = true, recipient
	}
	return &c.state, c.err
}
