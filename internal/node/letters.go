package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/sources/rules"
)

// opsLetters are the dead letters for the server.
type opsLetters struct {
	*replay.Letters
	config replay.Config
	// load returns the rules of today; nil for the built-in ones alone.
	load func() (*rules.Set, error)
}

var _ ops.Letters = (*opsLetters)(nil)

func (n *node) letters() *opsLetters {
	return &opsLetters{
		Letters: replay.NewLetters(n.Kafka, n.Prefix),
		config:  replay.Config{Engine: n.Kafka, Prefix: n.Prefix},
		load:    n.ReplayRules,
	}
}

// Letter implements ops.Letters.
func (l *opsLetters) Letter(ctx context.Context, id deadletter.ID) (deadletter.Letter, error) {
	letter, err := l.Letters.Letter(ctx, id)
	HideEndpoint(&letter, l.config.Prefix)
	return letter, err
}

// HideEndpoint takes the value out of a letter that is to be shown and that adds an
// endpoint to a journal, or that is a request, which may do so: an endpoint is as good as
// a password, and operators have no use for it. The letter's error names the field of a
// request that is wrong.
func HideEndpoint(l *deadletter.Letter, prefix belfry.Prefix) {
	switch {
	case l.Topic == prefix.Journal() && codec.HoldsEndpoint(l.Value):
		l.Value = fmt.Appendf(nil, "an endpoint of its user: %d bytes, which are not shown", len(l.Value))
	case l.Group == prefix.RequestsGroup() && len(l.Value) > 0:
		l.Value = fmt.Appendf(nil, "a request, which may hold an endpoint of its user: %d bytes, which are not shown", len(l.Value))
	}
}

// Replay implements ops.Letters.
func (l *opsLetters) Replay(ctx context.Context, ids []deadletter.ID) (out []deadletter.ReplayOutcome, err error) {
	var today *rules.Set
	if l.load != nil {
		if today, err = l.load(); err != nil {
			return nil, err
		}
	}
	config := l.config
	config.Rules = ReplayRules(today, config.Prefix)
	replayer, err := replay.Open(config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, replayer.Close()) }()
	told := func(o deadletter.ReplayOutcome) error {
		out = append(out, o)
		return nil
	}
	// One by one: of several, one that is not there ends the rest.
	for _, id := range ids {
		err := replayer.Named(ctx, []deadletter.ID{id}, deadletter.ReplayOptions{Apply: true}, told)
		switch {
		case errors.Is(err, deadletter.ErrNoLetter):
			out = append(out, deadletter.ReplayOutcome{
				Letter: &deadletter.Letter{ID: id}, Result: deadletter.ReplayRefused, Problem: deadletter.ErrNoLetter.Error(),
			})
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}

const (
	// pendingInterval is the time between two counts while somebody looks.
	pendingInterval = 5 * time.Second
	// pendingPatience bounds a count of what has come since the last one; the first
	// one reads the whole topic and takes what it takes.
	pendingPatience = time.Minute
)

// pendingLetters counts the dead letters of the installation while somebody looks
// at them.
type pendingLetters struct {
	count  *replay.Pending
	wanted chan struct{}
	failed atomic.Pointer[error] // of the last count; nil: none
}

func newPendingLetters(letters *replay.Letters) *pendingLetters {
	return &pendingLetters{count: replay.NewPending(letters), wanted: make(chan struct{}, 1)}
}

// Counts returns the last count, and has it renewed.
func (p *pendingLetters) Counts() ops.Pending {
	engine.Wake(p.wanted)
	out := ops.Pending{Pending: p.count.Counts()}
	if err := p.failed.Load(); err != nil {
		out.Error = (*err).Error()
	}
	return out
}

// Run counts when it is wanted, until ctx ends. It returns nil.
func (p *pendingLetters) Run(ctx context.Context) error {
	for {
		select {
		case <-p.wanted:
		case <-ctx.Done():
			return nil
		}
		err := p.refresh(ctx)
		p.failed.Store(nil)
		if err != nil && ctx.Err() == nil {
			p.failed.Store(&err)
		}
		if !engine.Sleep(ctx, pendingInterval) {
			return nil
		}
	}
}

func (p *pendingLetters) refresh(ctx context.Context) error {
	if !p.count.Counts().CountedAt.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pendingPatience)
		defer cancel()
	}
	return p.count.Refresh(ctx)
}
