package replay_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// TestPendingCountsWhatTheTopicHolds compares the count with a list of what is
// pending, as letters come, are marked, and go.
func TestPendingCountsWhatTheTopicHolds(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	dead, letters := enginetest.OpenDead(t, cfg, prefix.DeadLetters()), replay.NewLetters(cfg, prefix)
	pending := replay.NewPending(letters)
	if got := pending.Counts(); got.Count != 0 || !got.CountedAt.IsZero() {
		t.Errorf("got %+v before anything is read", got)
	}
	check := func(want ...deadletter.PendingKind) {
		t.Helper()
		if err := pending.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := pending.Counts()
		if !slices.Equal(got.Kinds, want) || got.CountedAt.IsZero() {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if listed := enginetest.LettersOf(t, letters, deadletter.Filter{Pending: true}, 100); int64(len(listed)) != got.Count {
			t.Errorf("counted %d, listed %d", got.Count, len(listed))
		}
	}
	check()
	record := func(partition int32, offset int64) *sarama.ConsumerMessage {
		return &sarama.ConsumerMessage{Topic: "in", Partition: partition, Offset: offset, Value: []byte("v")}
	}
	bad := deadletter.Envelope{Reason: deadletter.ReasonInvalid, Group: "g"}
	for i := range int64(8) {
		enginetest.SetAside(t, dead, bad, record(int32(i%4), i))
	}
	enginetest.SetAside(t, dead, deadletter.Envelope{Reason: deadletter.ReasonPanic, Group: "g"}, record(0, 9))
	check(deadletter.PendingKind{Group: "g", Reason: "invalid", Count: 8}, deadletter.PendingKind{Group: "g", Reason: "panic", Count: 1})

	// One is marked, twice; a mark that names nothing changes nothing.
	id := enginetest.LettersOf(t, letters, deadletter.Filter{Reasons: []deadletter.Reason{"panic"}}, 1)[0].ID
	mark := []sarama.RecordHeader{{Key: []byte(deadletter.HeaderReplayed), Value: fmt.Appendf(nil, "%d,9999", id.Offset)}}
	for range 2 {
		produce(t, cfg, &sarama.ProducerMessage{Topic: prefix.DeadLetters(), Partition: id.Partition, Headers: mark})
	}
	check(deadletter.PendingKind{Group: "g", Reason: "invalid", Count: 8})

	// A record that is no letter of ours is one of its own kind.
	produce(t, cfg, &sarama.ProducerMessage{Topic: prefix.DeadLetters(), Partition: id.Partition, Value: sarama.StringEncoder("x")})
	check(deadletter.PendingKind{Reason: "foreign", Count: 1}, deadletter.PendingKind{Group: "g", Reason: "invalid", Count: 8})

	// A purge of everything, as by retention.
	if _, err := letters.Purge(t.Context(), time.Now().Add(time.Hour), true); err != nil {
		t.Fatal(err)
	}
	check()
	enginetest.SetAside(t, dead, bad, record(1, 20))
	check(deadletter.PendingKind{Group: "g", Reason: "invalid", Count: 1})
	await.Eventually(t, patience, func() string { return "letters are under way" }, func() bool { return dead.UnderWay() == 0 })
}
