// Package kafkatest gives tests the brokers they run against: the embedded
// broker for most, and real Apache Kafka (KRaft, one or three nodes, from
// Maven artefacts) for what only the real one shows. It also holds a producer
// that isn't ours, kafka-clients' own, to prove that foreign records arrive.
//
// Real Kafka needs Java 17 with javac and, once, Maven. Its tests run where
// BELFRY_TEST_REQUIRE names "kafka" (see package parts). Everything runs on the
// loopback address and ends with its test. The package works on Unix only.
//
// Unless said otherwise the helpers fail the test by themselves and must be
// called on its goroutine.
package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/belfry/belfry/broker"
)

// Patience is how long tests wait for what comes for certain unless something
// hangs: brokers and browsers of eight tests that start at once on two cores take
// minutes. A test that measures how long something takes has its own bound.
const Patience = 3 * time.Minute

// pollInterval is how often a condition is looked at again.
const pollInterval = 20 * time.Millisecond

// Eventually waits until ok says true and fails the test with what() if that
// takes longer than d. Both are called on the test's goroutine, ok at least
// once.
func Eventually(t testing.TB, d time.Duration, what func() string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(d)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what())
		}
		<-tick.C
	}
}

// Running runs something until the test ends, and fails the test if it returns an error.
func Running(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Embedded starts an embedded broker for this test alone, on a free port and
// keeping nothing, and gives the addresses to bootstrap from.
func Embedded(t testing.TB) []string {
	t.Helper()
	b, err := broker.Start(broker.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatalf("start embedded broker: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close embedded broker: %v", err)
		}
	})
	return b.Addrs()
}
