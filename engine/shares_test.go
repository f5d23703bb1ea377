package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry/engine/kafka"
)

// One partition takes its share at the most, whatever is free, and who waits is
// served in the order of coming.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShares(100, 40)
		storm, other, third := kafka.TopicPartition{Topic: "t", Partition: 0}, kafka.TopicPartition{Topic: "t", Partition: 1}, kafka.TopicPartition{Topic: "u", Partition: 0}
		take := func(key kafka.TopicPartition, n int64) func() {
			t.Helper()
			release, err := s.take(t.Context(), key, n)
			if err != nil {
				t.Fatal(err)
			}
			return release
		}
		first := take(storm, 40)
		order := make(chan string, 10)
		releases := make(chan func(), 10)
		wait := func(name string, key kafka.TopicPartition, n int64) {
			go func() {
				release, err := s.take(t.Context(), key, n)
				if err != nil {
					t.Error(err)
					return
				}
				order <- name
				releases <- release
			}()
			synctest.Wait()
		}
		wait("storm", storm, 1)
		if len(order) != 0 {
			t.Fatal("a partition got more than its share")
		}
		// All is taken: the next ones wait, the small one behind the large one.
		second, another := take(other, 40), take(third, 20)
		if got := s.taken(); got != 100 {
			t.Errorf("%d are taken, want all 100", got)
		}
		wait("large", third, 20)
		wait("small", kafka.TopicPartition{Topic: "v", Partition: 0}, 1)
		if len(order) != 0 {
			t.Fatalf("%s got more than there is", <-order)
		}
		another()
		synctest.Wait()
		if got := <-order; got != "large" || len(order) != 0 {
			t.Errorf("%s came first, and %d more", got, len(order))
		}
		second()
		synctest.Wait()
		if got := <-order; got != "small" || len(order) != 0 {
			t.Errorf("%s came next, and %d more", got, len(order))
		}
		first()
		synctest.Wait()
		if got := <-order; got != "storm" {
			t.Errorf("%s came last", got)
		}
		for range 3 {
			(<-releases)()
		}
		if got := s.taken(); got != 0 {
			t.Errorf("%d are still taken", got)
		}
	})
}

// A caller that gives up waiting holds nothing.
func TestSharesOfWhoGivesUp(t *testing.T) {
	s := newShares(10, 10)
	a, b := kafka.TopicPartition{Topic: "t", Partition: 0}, kafka.TopicPartition{Topic: "t", Partition: 1}
	release, err := s.take(t.Context(), a, 10)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, key := range []kafka.TopicPartition{a, b} {
		if _, err := s.take(ended, key, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	release()
	for _, key := range []kafka.TopicPartition{a, b} {
		release, err := s.take(t.Context(), key, 10)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
}
