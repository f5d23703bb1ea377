package node

import (
	"context"
	"errors"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
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
