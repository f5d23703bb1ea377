package renew_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// writers write to "in" as fast as they can until they are stopped.
type writers struct {
	mu    sync.Mutex
	acked []string
	stop  func()
}

func startWriters(t *testing.T, cfg kafka.Config, acks ...kgo.Acks) *writers {
	t.Helper()
	w := &writers{}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i, a := range acks {
		client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.RequiredAcks(a), kgo.DisableIdempotentWrite(),
			kgo.DefaultProduceTopic("in"), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			defer client.Close()
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("%d/%d", i, n)
				if err := client.ProduceSync(ctx, &kgo.Record{Key: []byte(key), Value: []byte("x")}).FirstErr(); err == nil {
					w.mu.Lock()
					w.acked = append(w.acked, key)
					w.mu.Unlock()
				} else {
					// The client knows a topic by its ID for life.
					client.PurgeTopicsFromProducing("in")
				}
			}
		})
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	t.Cleanup(w.stop)
	return w
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// Writers that do not stop lose nothing that a broker acknowledged to them,
// whatever acknowledgement they ask for.
func TestRenewUnderLoadLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Kafka")
	}
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Config{})
	cfg := kafka.Config{Brokers: cluster.Brokers(), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	enginetest.CreateTopics(t, cfg, 3, "in")
	w := startWriters(t, cfg, kgo.AllISRAcks(), kgo.LeaderAck(), kgo.AllISRAcks())
	some := func() {
		t.Helper()
		before := w.count()
		await.Eventually(t, enginetest.Patience, func() string { return "nothing is acknowledged" }, func() bool { return w.count() > before+100 })
	}
	some()
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	ackedAt := map[string]int{}
	err = renew.Run(t.Context(), topics, cfg, renew.Renewal{
		Spec: newRenewing(t, cfg).spec, Group: "g", Stopped: func(string) bool { return false }, File: newRenewing(t, cfg).file,
		Report: func(c kafka.Change) {
			what, _, _ := strings.Cut(string(c), " ")
			ackedAt[what] = w.count()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if ackedAt["copied"] != ackedAt["deleted"] {
		t.Errorf("%d records were acknowledged between copy and deletion", ackedAt["deleted"]-ackedAt["copied"])
	}
	some()
	w.stop()
	seen := map[string]int{}
	for p := range int32(3) {
		err := table.Scan(t.Context(), cfg, "in", p, func(m *sarama.ConsumerMessage) error {
			seen[string(m.Key)]++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lost := 0
	for _, key := range w.acked {
		if seen[key] == 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged records are lost", lost, len(w.acked))
	}
	t.Logf("%d acknowledged, %d before the deletion", len(w.acked), ackedAt["deleted"])
}

// The remains of the old incarnation are gone at once on a real broker, too:
// its commits, and what brokers know of it.
func TestRenewOnRealKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Kafka")
	}
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Config{})
	cfg := kafka.Config{Brokers: cluster.Brokers(), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	enginetest.CreateTopics(t, cfg, 2, "in", "g-table")
	enginetest.Form(t, cfg)
	now := time.Now()
	enginetest.Produce(t, cfg, at(0, now, "a"), at(0, now, "b"), at(1, now, "c"))
	enginetest.Commit(t, cfg, 0, 1, "")
	enginetest.Commit(t, cfg, 1, 9, "")
	r := newRenewing(t, cfg)
	// Records that an open transaction holds back can be neither copied nor left.
	epoch := enginetest.EpochOf(t, cfg, "in")
	open := kafkatest.Begin(t, cfg.Brokers, "open").Write(&kgo.Record{Topic: "in", Partition: 1, Key: []byte("d")})
	if err := r.Run(t); !errors.Is(err, kafka.ErrOpenTransaction) || enginetest.EpochOf(t, cfg, "in") != epoch {
		t.Errorf("with an open transaction: %v\n%s", err, strings.Join(r.reports, "\n"))
	}
	open.Commit()
	// Writes are let through again, and what it has written is not processed yet.
	enginetest.Produce(t, cfg, at(1, now, "e"))
	r.cancelAt = "deleted"
	if err := r.Run(t); err == nil {
		t.Fatal("it was not interrupted")
	}
	r.cancelAt = ""
	r.mustRun(t)
	if got := strings.Join(keysOf(t, cfg, 2), ","); got != "b,c d e" {
		t.Errorf("the topic holds %q\n%s", got, strings.Join(r.reports, "\n"))
	}
	var seen enginetest.Log
	g := enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })
	g.Positional = true
	p := engine.NewProcessor(cfg, g)
	enginetest.Run(t, p.Run)
	seen.Await(t, 4)
	if s := p.Status(); len(s.Refused) > 0 {
		t.Errorf("status %v", s)
	}
}
