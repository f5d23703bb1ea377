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
	"testing"

	"github.com/belfry/belfry/broker"
)

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
