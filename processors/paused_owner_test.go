package processors_test

import (
	"context"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/processors"
)

// A paused owner that writes a row after another owner's rows must not take
// those for its own: when it gets the partition again it would go on from what
// it knew before.
func TestPausedOwnerReadsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	dead := enginetest.OpenDead(t, cfg, prefix.DeadLetters())
	j, err := emitters.OpenJournal(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	// Two users of one partition.
	a, b := "a", ""
	for _, r := range "bcdefghijklmnopqrst" {
		if kafka.Partition(string(r), partitions) == kafka.Partition(a, partitions) {
			b = string(r)
			break
		}
	}
	notify := func(user string) {
		if _, err := j.Append(t.Context(), inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{
			Kind: inbox.KindNotify, Notification: belfry.Notification{Source: "test", Title: belfry.PlainText("x")}}}); err != nil {
			t.Fatal(err)
		}
	}
	start := func() (stop func()) {
		deps := processors.Deps{Prefix: prefix, DeadLetters: dead, Metrics: processors.NewMetrics(prometheus.NewRegistry())}
		p := engine.NewProcessor(cfg, processors.NewUnread(deps, 0).Group())
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = p.Run(ctx) })
		return sync.OnceFunc(func() { cancel(); running.Wait() })
	}
	stop := start()
	notify(a)
	notify(b)
	consume(t, cfg, prefix.UnreadTable(), 2)
	stop()
	stop = start()
	notify(b)
	consume(t, cfg, prefix.UnreadTable(), 3)
	// Another owner's row of b, which this one doesn't know of.
	produce(t, cfg, keyed(prefix.UnreadTable(), b, encodedRow(t, 50, 20, 30, 40, 50)))
	// A late write of this one, of another user.
	notify(a)
	consume(t, cfg, prefix.UnreadTable(), 5)
	stop()
	stop = start()
	defer stop()
	notify(b)
	last := consume(t, cfg, prefix.UnreadTable(), 6)[5]
	row, err := codec.DecodeState(last.Value)
	if err != nil {
		t.Fatal(err)
	}
	if string(last.Key) != b || len(row.Items) != 5 {
		t.Errorf("%s was folded to version %d with %d items, want 5 of them: another owner's 4 and one more", last.Key, row.Version, len(row.Items))
	}
}
