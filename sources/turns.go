package sources

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"

	"golang.org/x/sync/semaphore"
)

const (
	// smallRecord is how long a record's value may be to need no turn, and smallMemory what it
	// may become as it is decoded: a schema makes of two bytes what it likes.
	smallRecord = 64 << 10
	smallMemory = 4 << 20
	// bytesOfOne is what a byte of a value may become in memory, and mostOfARecord what
	// all of them may, with what the rules make of them.
	bytesOfOne    = 64
	mostOfARecord = 128 << 20
	// unlimitedTurns is the memory of turns in a process whose memory nobody has limited.
	unlimitedTurns = 512 << 20
)

// Turns bounds the memory that large records take in all while they are decoded and routed:
// one of each partition of a process, and of each topic, could be at work at a time. Small
// records that become little wait for nobody. It is safe for concurrent use.
type Turns struct {
	bytes int64
	all   *semaphore.Weighted
}

// NewTurns returns Turns for a quarter of the memory limit of the process (GOMEMLIMIT), or
// for one record at a time if that is more.
func NewTurns() *Turns {
	bytes := int64(unlimitedTurns)
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		bytes = max(limit/4, mostOfARecord)
	}
	return &Turns{bytes, semaphore.NewWeighted(bytes)}
}

// For returns the turn of a record, which waits no longer than ctx lasts. Nil Turns have
// turns that wait for nobody.
func (t *Turns) For(ctx context.Context) *Turn {
	if t == nil {
		return nil
	}
	return &Turn{turns: t, ctx: ctx}
}

// Turn is that of one record. A nil Turn waits for nobody. It is for one goroutine.
type Turn struct {
	turns *Turns
	ctx   context.Context //nolint:containedctx // of a record, and as short-lived
	has   int64
}

// Take waits for the turn of a value of so many bytes, which is to be decoded now and has
// all that it needs besides. The record has one turn, whatever it takes it for. The error
// matches [ErrUnavailable]: the context has ended.
func (t *Turn) Take(bytes int) error {
	if t == nil || bytes <= smallRecord {
		return nil
	}
	return t.take(min(int64(bytes)*bytesOfOne, mostOfARecord))
}

// TakeMemory is Take for a value of which so many bytes of memory are known that it becomes.
// It may become more: it has the turn of the largest.
func (t *Turn) TakeMemory(bytes int) error {
	if t == nil || bytes <= smallMemory {
		return nil
	}
	return t.take(mostOfARecord)
}

func (t *Turn) take(need int64) error {
	if t.has > 0 {
		return nil
	}
	if err := t.turns.all.Acquire(t.ctx, need); err != nil {
		return fmt.Errorf("%w: memory for a large record: %w", ErrUnavailable, err)
	}
	t.has = need
	return nil
}

type turnKey struct{}

// WithTurn returns a context that has the turn of a record, or ctx itself for nil.
func WithTurn(ctx context.Context, t *Turn) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, turnKey{}, t)
}

// TurnOf returns the turn of a context, nil for none.
func TurnOf(ctx context.Context) *Turn {
	t, _ := ctx.Value(turnKey{}).(*Turn)
	return t
}

// End gives the turn back.
func (t *Turn) End() {
	if t != nil && t.has > 0 {
		t.turns.all.Release(t.has)
		t.has = 0
	}
}
