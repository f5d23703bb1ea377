package replay

import (
	"context"
	"errors"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/sources"
)

// Config is what a [Replayer] needs.
type Config struct {
	Engine kafka.Config
	Prefix belfry.Prefix
	// Rules returns those of a source topic, and false if none are for it. That
	// of the built-in topic is asked for too.
	Rules func(topic string) (Rules, bool)
}

// Rules say what the records of a source topic mean for whom, as
// processors.Rules does.
type Rules interface {
	Route(sources.Record) ([]sources.Delivery, error)
}

// Replayer processes dead letters again: those of routers by today's rules, those
// of the other groups as they are. Its records go where they would have
// gone: into the journal or another topic of ours, never into the source topic, which
// may be another team's. A request alone goes back to its topic, as it came.
//
// The records that a letter leads to have the ids that they would have had, made of the place
// where the record was read first, so that it is recognised if it is there
// already. It has no watermark: later records of its partition are past that. A
// letter that was replayed is marked once all that it leads to is acknowledged;
// what happens in between is done again by the next replay, and changes nothing.
type Replayer struct {
	Config
	letters *Letters
	out     *kafka.Producer
}

// Open connects to no broker yet. Close it after use.
func Open(cfg Config) (*Replayer, error) {
	out, err := cfg.Engine.NewProducer("belfry", false)
	if err != nil {
		return nil, err
	}
	return &Replayer{Config: cfg, letters: NewLetters(cfg.Engine, cfg.Prefix), out: out}, nil
}

// Close waits for what is under way and disconnects. There must be no replay
// during or after it.
func (r *Replayer) Close() error { return r.out.Close() }

// Matching replays the letters that the filter means, see [Letters.Each] for
// their order, at most limit of them; 0 means all. It calls told for each, in
// order, once it is done with; at an error of told, or of the brokers, it ends.
func (r *Replayer) Matching(ctx context.Context, f deadletter.Filter, limit int, o deadletter.ReplayOptions, told func(deadletter.ReplayOutcome) error) error {
	b := batch{replay: r, apply: o.Apply, told: told}
	n := 0
	err := r.letters.Each(ctx, f, func(l *deadletter.Letter) error {
		if limit > 0 && n == limit {
			return errEnough
		}
		n++
		return b.add(ctx, l, o.Again)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return b.flush(ctx)
}

// errEnough ends the reading.
var errEnough = errors.New("enough letters")

// Named replays the letters with those ids, as [Replayer.Matching] does. One that
// does not exist is an error that matches deadletter.ErrNoLetter; those before it
// are replayed then.
func (r *Replayer) Named(ctx context.Context, ids []deadletter.ID, o deadletter.ReplayOptions, told func(deadletter.ReplayOutcome) error) error {
	b := batch{replay: r, apply: o.Apply, told: told}
	for _, id := range ids {
		l, err := r.letters.Letter(ctx, id)
		if err != nil {
			return errors.Join(err, b.flush(ctx))
		}
		if err := b.add(ctx, &l, o.Again); err != nil {
			return err
		}
	}
	return b.flush(ctx)
}
