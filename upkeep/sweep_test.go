package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/upkeep"
)

// rows answers as a view does; what a recipient is mapped to is a State or an
// error.
type rows map[string]any

func (r rows) Stored(recipient string) (inbox.State, error) {
	switch found := r[recipient].(type) {
	case error:
		return inbox.State{}, found
	case inbox.State:
		return found, nil
	}
	return inbox.State{}, nil
}

type written struct {
	recipient string
	seq       uint64
	age       time.Duration
}

// contents are those of a table, in its order.
type contents []written

func (c contents) Each(_ context.Context, visit func(inbox.ContentKey, time.Time) error) error {
	for _, one := range c {
		if err := visit(inbox.ContentKey{Recipient: one.recipient, Seq: one.seq}, time.Now().Add(-one.age)); err != nil {
			return err
		}
	}
	return nil
}

// tombstones remembers what was removed.
type tombstones struct {
	keys []string
	err  error
}

func (s *tombstones) Remove(_ context.Context, key inbox.ContentKey) error {
	if s.err != nil {
		return s.err
	}
	s.keys = append(s.keys, key.String())
	return nil
}

func holding(version uint64, seqs ...uint64) inbox.State {
	s := inbox.State{Epoch: 7, Version: version}
	for _, seq := range seqs {
		s.Items = append(s.Items, inbox.Entry{Seq: seq, Version: seq, Count: 1})
	}
	return s
}

var errTest = errors.New("test")

const old, young = 2 * time.Hour, 59 * time.Minute

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestOrphans(t *testing.T) {
	archived := holding(9, 3)
	archived.Items[0].Archived = true
	expired := holding(9, 3)
	expired.Items[0].ExpiresAt = 1
	tests := []struct {
		name string
		row  any
		seq  uint64
		age  time.Duration
		want bool
	}{
		{"not held", holding(9, 2, 4), 3, old, true},
		{"held", holding(9, 2, 3, 4), 3, old, false},
		{"held in the archive", archived, 3, old, false},
		{"held though it expired", expired, 3, old, false},
		{"row of just that version", holding(3), 3, old, true},
		{"row that has not seen it", holding(2), 3, old, false},
		{"no row", nil, 3, old, false},
		{"no row and no seq", nil, 0, old, false},
		{"erased", holding(9), 3, old, true},
		{"young", holding(9), 3, young, false},
		{"of the future", holding(9), 3, -old, false},
		{"row of a newer format", fmt.Errorf("decode row: %w", belfry.ErrNewerFormat), 3, old, false},
		{"corrupt row", fmt.Errorf("decode row: %w", belfry.ErrCorrupt), 3, old, false},
		{"version above 32 bits", holding(1<<40, 1<<39), 1<<39 + 1, old, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var removed tombstones
			s := upkeep.NewSweep(upkeep.SweepConfig{
				Rows: rows{"a": tt.row}, Contents: contents{{"a", tt.seq, tt.age}}, Items: &removed, Logger: quiet(),
			})
			if err := s.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(removed.keys) == 1; got != tt.want {
				t.Errorf("removed %v, want it so: %v", removed.keys, tt.want)
			}
			if got := s.Swept() == 1; got != tt.want {
				t.Errorf("%d swept", s.Swept())
			}
		})
	}
}

func TestSweepPass(t *testing.T) {
	all := rows{"a": holding(9, 2), "b": holding(9, 3), "bad": errTest, "c": holding(9)}
	table := contents{{"a", 1, old}, {"a", 2, old}, {"a", 3, old}, {"b", 1, young}, {"b", 2, old}, {"b", 3, old}, {"bad", 1, old}, {"c", 1, old}, {"a", 9, old}}
	var removed tombstones
	cfg := upkeep.SweepConfig{Rows: all, Contents: table, Items: &removed, Rate: 1000, Logger: quiet()}
	s := upkeep.NewSweep(cfg)
	if err := s.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a/1", "a/3", "b/2", "c/1", "a/9"}; !slices.Equal(removed.keys, want) {
		t.Errorf("removed %q, want %q", removed.keys, want)
	}
	if s.Swept() != 5 {
		t.Errorf("%d swept", s.Swept())
	}

	// A sweep that cannot read or write now has swept nothing, and takes nothing for an orphan.
	for name, tt := range map[string]struct {
		edit func(*upkeep.SweepConfig)
		want error
	}{
		"rows not ready": {func(c *upkeep.SweepConfig) { c.Rows = rows{"a": belfry.ErrNotReady} }, belfry.ErrNotReady},
		"not written":    {func(c *upkeep.SweepConfig) { c.Items = &tombstones{err: errTest} }, errTest},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, removed := cfg, &tombstones{}
			cfg.Items = removed
			tt.edit(&cfg)
			s := upkeep.NewSweep(cfg)
			if err := s.Pass(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("pass: %v", err)
			}
			if s.Swept() != 0 || len(removed.keys) != 0 {
				t.Errorf("%d swept, %q", s.Swept(), removed.keys)
			}
		})
	}
	t.Run("told to end", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Pass(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("pass: %v", err)
		}
	})
}

// attempts tells of each removal that is tried, and answers as it is told.
type attempts struct {
	at     chan time.Time
	answer chan error
}

func (a attempts) Remove(context.Context, inbox.ContentKey) error {
	a.at <- time.Now()
	return <-a.answer
}

func TestSweepRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := attempts{make(chan time.Time), make(chan error)}
		var table contents
		for seq := range uint64(500) {
			table = append(table, written{"a", seq + 1, old})
		}
		s := upkeep.NewSweep(upkeep.SweepConfig{Rows: rows{"a": holding(1000)}, Contents: table, Items: a, Logger: quiet()})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		began := time.Now()
		go func() { done <- s.Run(ctx) }()
		pass := func() (first, last time.Time) {
			first = <-a.at
			for range 499 {
				a.answer <- nil
				last = <-a.at
			}
			a.answer <- nil
			return first, last
		}
		first, last := pass()
		if pause := first.Sub(began); pause > upkeep.DefaultSweepInterval/4 {
			t.Errorf("the first pass came after %v, want it within a quarter of an hour", pause)
		}
		if took, want := last.Sub(first), 499*time.Second/upkeep.DefaultSweepRate; took != want {
			t.Errorf("500 tombstones took %v, want %v", took, want)
		}
		first, end := <-a.at, last
		if pause := first.Sub(end); pause < 45*time.Minute || pause > 76*time.Minute {
			t.Errorf("the second pass came after %v, want an hour or so", pause)
		}
		a.answer <- errTest
		if pause := (<-a.at).Sub(first); pause < 45*time.Second || pause > 76*time.Second {
			t.Errorf("after a failed pass the next came %v later, want a minute or so", pause)
		}
		cancel()
		a.answer <- ctx.Err()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
