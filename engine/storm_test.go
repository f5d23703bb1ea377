package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// holdTopic has a broker take no writes into a topic until the returned function
// is called. Clients try them again.
func holdTopic(t *testing.T, cluster *kfake.Cluster, topic string) (release func()) {
	t.Helper()
	var open atomic.Bool
	enginetest.RefuseWrites(cluster, topic, kerr.NotEnoughReplicas, func() bool { return !open.Load() })
	return func() { open.Store(true) }
}

// A partition in which every record is bad stops no good one of the others, also
// when no dead letter can be written at all, and takes no more memory than its
// share. Once they can be written, all are.
func TestStormOfDeadLetters(t *testing.T) {
	t.Parallel()
	const storm, mixed, good = 8_000, 1_000, 2_000
	cluster, cfg := enginetest.Cluster(t, kfake.SeedTopics(4, "in", "dead"))
	var records []*sarama.ProducerMessage
	add := func(partition int32, value string) {
		records = append(records, &sarama.ProducerMessage{Topic: "in", Partition: partition, Value: sarama.StringEncoder(value)})
	}
	bad := "bad" + strings.Repeat("x", 1000)
	for range storm {
		add(0, bad)
	}
	for i := range mixed {
		add(1, []string{bad, "good"}[min(i%10, 1)])
	}
	for i := range 2*good - 1 {
		add(int32(2+i%2), "good")
	}
	for some := range slices.Chunk(records, 800) { // a batch is at most 1 MiB
		enginetest.Produce(t, cfg, some...)
	}
	release := holdTopic(t, cluster, "dead")
	dead := enginetest.OpenDead(t, cfg, "dead")
	var done, set, most, asked atomic.Int64
	p := engine.NewProcessor(cfg, engine.Group{
		Graph: goka.DefineGroup("g", goka.Input("in", engine.Bytes{}, engine.Callback(func(c *engine.Context, value []byte) {
			if string(value) == "good" {
				done.Add(1)
				return
			}
			asked.Add(1)
			deferred := c.DeferCommit()
			dead.Send(c.Context(), c.Raw(), deadletter.Envelope{Reason: deadletter.ReasonInvalid, Group: "g", TopicID: c.TopicID()}, func(err error) {
				if err == nil {
					set.Add(1)
				}
				deferred(err)
			})
			if n := dead.UnderWay(); n > most.Load() {
				most.Store(n)
			}
		}))),
	})
	enginetest.Run(t, p.Run)
	const allGood = mixed*9/10 + 2*good
	flows := func(want int64) {
		t.Helper()
		await.Eventually(t, enginetest.Patience, func() string {
			return fmt.Sprintf("%d good records are done, want %d; %d bad ones, %d bytes of them under way", done.Load(), want, asked.Load(), dead.UnderWay())
		}, func() bool { return done.Load() == want && dead.UnderWay() > 3<<20 })
	}
	flows(allGood - 1)
	// Records that come while the bad ones wait are processed too.
	enginetest.Produce(t, cfg, &sarama.ProducerMessage{Topic: "in", Partition: 3, Value: sarama.StringEncoder("good")})
	flows(allGood)
	if set.Load() != 0 {
		t.Errorf("%d letters were written, none could be", set.Load())
	}
	if got := asked.Load(); got >= storm {
		t.Errorf("%d bad records were taken from the partition, want it to wait", got)
	}

	began := time.Now()
	release()
	const allBad = storm + mixed/10
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("%d letters, want %d", set.Load(), allBad) }, func() bool { return set.Load() >= allBad })
	t.Logf("%d dead letters of 1 KB: %.0f/s", allBad, allBad/time.Since(began).Seconds())
	// 4 MiB of each of the two partitions.
	if got := most.Load(); got > 8<<20 || got < 3<<20 {
		t.Errorf("%d bytes were under way at once, want 8 MiB at the most", got)
	}
	if done.Load() != allGood || set.Load() != allBad || p.Status().Restarts != 0 {
		t.Errorf("%d good records and %d letters, want %d and %d; %v", done.Load(), set.Load(), allGood, allBad, p.Status())
	}
	await.Eventually(t, enginetest.Patience, func() string { return "not all is committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == storm })
}

// Good records behind a bad one whose letter cannot be written go on, but not
// without end: none of them can be committed, and all are kept until then.
func TestRecordsBehindAHeldLetterAreBounded(t *testing.T) {
	t.Parallel()
	const behind, size = 250, 100_000
	cluster, cfg := enginetest.Cluster(t, kfake.SeedTopics(2, "in", "dead"))
	record := func(partition int32, value string) *sarama.ProducerMessage {
		return &sarama.ProducerMessage{Topic: "in", Partition: partition, Value: sarama.StringEncoder(value)}
	}
	records := []*sarama.ProducerMessage{record(0, "bad")}
	for range behind {
		records = append(records, record(0, strings.Repeat("x", size)))
	}
	for some := range slices.Chunk(records, 8) { // a batch is at most 1 MiB
		enginetest.Produce(t, cfg, some...)
	}
	release := holdTopic(t, cluster, "dead")
	dead := enginetest.OpenDead(t, cfg, "dead")
	var done, others atomic.Int64
	p := engine.NewProcessor(cfg, engine.Group{
		Graph: goka.DefineGroup("g", goka.Input("in", engine.Bytes{}, engine.Callback(func(c *engine.Context, value []byte) {
			switch {
			case string(value) == "bad":
				dead.Send(c.Context(), c.Raw(), deadletter.Envelope{Reason: deadletter.ReasonInvalid, Group: "g"}, c.DeferCommit())
			case c.Partition() == 1:
				others.Add(1)
			default:
				done.Add(1)
			}
		}))),
	})
	enginetest.Run(t, p.Run)
	const most = 16<<20/size + 1
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("%d records behind it are done, want %d", done.Load(), most-10) },
		func() bool { return done.Load() >= most-10 })
	enginetest.Produce(t, cfg, record(1, "other"))
	await.Eventually(t, enginetest.Patience, func() string { return "the other partition stands still" }, func() bool { return others.Load() == 1 })
	if got := done.Load(); got > most {
		t.Errorf("%d records of %d bytes are kept, want %d at the most", got, size, most)
	}
	release()
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("%d records are done, want %d", done.Load(), behind) },
		func() bool { return done.Load() == behind })
	await.Eventually(t, enginetest.Patience, func() string { return "not all is committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == behind+1 })
}
