package enginetest

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// OpenDead opens a dead-letter topic until the test ends.
func OpenDead(t *testing.T, cfg kafka.Config, topic string) *engine.DeadLetters {
	t.Helper()
	dead, err := engine.OpenDeadLetters(cfg, topic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dead.Close(); err != nil {
			t.Error(err)
		}
	})
	return dead
}

// SetAside makes letters of records and waits until they are written.
func SetAside(t *testing.T, dead *engine.DeadLetters, why deadletter.Envelope, records ...*sarama.ConsumerMessage) {
	t.Helper()
	acknowledged := make(chan error, len(records))
	for _, m := range records {
		dead.Send(t.Context(), m, why, func(err error) { acknowledged <- err })
	}
	for range records {
		if err := <-acknowledged; err != nil {
			t.Fatal(err)
		}
	}
}

// LettersOf lists all letters of a filter, by pages of that size.
func LettersOf(t *testing.T, letters *replay.Letters, f deadletter.Filter, size int) []deadletter.Letter {
	t.Helper()
	var all []deadletter.Letter
	for q := (deadletter.Query{Filter: f, Limit: size}); ; {
		page, err := letters.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Letters) > size {
			t.Fatalf("a page of %d letters, want %d at the most", len(page.Letters), size)
		}
		all = append(all, page.Letters...)
		if page.Next == nil {
			return all
		}
		if len(page.Letters) != size {
			t.Fatalf("a page of %d letters, want %d: there are more", len(page.Letters), size)
		}
		q.Before = page.Next
	}
}
