package engine

import (
	"context"
	"testing"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry/engine/kafka"
)

// aSession is one that lasts as long as ctx.
type aSession struct {
	sarama.ConsumerGroupSession
	ctx context.Context
}

func (s aSession) Context() context.Context   { return s.ctx }
func (s aSession) Claims() map[string][]int32 { return map[string][]int32{"in": {0}} }

// A rebalance while a table is recovered must not end the processor, nor may Begin take
// what is there of the table for all of it.
func TestASessionThatIsOverBeginsNothing(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "meanwhile"} {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		g := &group{sup: NewSupervisor("g", &kafka.Config{})}
		g.tables.open = map[int32]storage.Storage{0: storage.NewMemory()}
		g.Begin = func(ctx context.Context, _ *Partition) error {
			if when == "before" {
				t.Error("began in a session that is over")
			}
			end()
			return ctx.Err()
		}
		if when == "before" {
			end()
		}
		if err := g.beginAll(newSession(aSession{ctx: ctx}, nil)); err != nil {
			t.Errorf("over %s: got %v, want the next session to begin", when, err)
		}
	}
}
