package engine_test

import (
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry/belfry/internal/enginetest"
)

// outcome waits for a promise.
func outcome(promise *goka.Promise) (*sarama.ProducerMessage, error) {
	type result struct {
		message *sarama.ProducerMessage
		err     error
	}
	done := make(chan result, 1)
	promise.ThenWithMessage(func(m *sarama.ProducerMessage, err error) { done <- result{m, err} })
	r := <-done
	return r.message, r.err
}

// TestProducerStopsAfterAFailure has the broker refuse one batch for good. What
// is written after it must not reach the log, for a processor; an emitter goes
// on.
func TestProducerStopsAfterAFailure(t *testing.T) {
	for _, failStop := range []bool{true, false} {
		cluster, cfg := enginetest.Cluster(t, kfake.SeedTopics(1, "t"))
		p, err := cfg.NewProducer("test", failStop)
		if err != nil {
			t.Fatal(err)
		}
		m, err := outcome(p.Emit("t", "a", []byte("1")))
		if err != nil || m.Offset != 0 {
			t.Fatalf("first write: %+v, %v", m, err)
		}
		var refused atomic.Bool
		enginetest.RefuseWrites(cluster, "t", kerr.TopicAuthorizationFailed, func() bool { return refused.CompareAndSwap(false, true) })
		if _, err := outcome(p.Emit("t", "a", []byte("2"))); err == nil {
			t.Fatal("the refused write succeeded")
		}
		m, err = outcome(p.Emit("t", "a", []byte("3")))
		if failStop && err == nil {
			t.Errorf("a write after a failed one went to offset %d", m.Offset)
		}
		if !failStop && err != nil {
			t.Errorf("an emitter stays broken: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
