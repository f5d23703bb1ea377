// Package kafkatest gives tests the brokers they run against: the embedded
// broker for most, and real Apache Kafka (KRaft, one or three nodes, from
// Maven artefacts) for what only the real one shows. It also holds a producer
// that isn't ours, kafka-clients' own, to prove that foreign records arrive.
//
// Real Kafka needs Java 17 with javac and, once, Maven. Where they are missing
// a test is skipped, unless BELFRY_TEST_REQUIRE says that it must run (see
// Missing). Everything runs on the loopback address and ends with its test. The
// package works on Unix only.
//
// Unless said otherwise the helpers fail the test by themselves and must be
// called on its goroutine.
package kafkatest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/broker"
)

// RequireEnv names the environment variable with the comma-separated list of
// what tests may not do without, such as "kafka,chromium". CI sets it.
const RequireEnv = "BELFRY_TEST_REQUIRE"

// pollInterval is how often a condition is looked at again.
const pollInterval = 20 * time.Millisecond

// Missing ends a test that can't run here because what it needs, such as
// "kafka" or "chromium", is absent for the given reason: it is skipped, or
// fails if RequireEnv lists what.
func Missing(t testing.TB, what, reason string) {
	t.Helper()
	for required := range strings.SplitSeq(os.Getenv(RequireEnv), ",") {
		if strings.TrimSpace(required) == what {
			t.Fatalf("%s is required by %s: %s", what, RequireEnv, reason)
		}
	}
	t.Skipf("no %s: %s", what, reason)
}

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
