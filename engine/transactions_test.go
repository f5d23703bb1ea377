package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// onBothBrokers runs a test on the embedded broker and on Apache Kafka.
func onBothBrokers(t *testing.T, test func(*testing.T, kafka.Config)) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, enginetest.Config(t))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		brokers := kafkatest.Start(t, kafkatest.Config{}).Brokers()
		cfg := enginetest.Config(t)
		cfg.Brokers = brokers
		test(t, cfg)
	})
}

func row(topic, key, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

// awaitCommitted waits until the group stands at an offset of partition 0, over one
// connection.
func awaitCommitted(t *testing.T, cfg kafka.Config, group, topic string, want int64) {
	t.Helper()
	topics := enginetest.OpenTopicsOn(t, cfg)
	var got int64
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("%s has committed %d, want %d", group, got, want) }, func() bool {
		committed, err := topics.Committed(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := committed.Lookup(topic, 0)
		got = at.At
		return got == want
	})
}

// A record that its producer rolls back reaches nobody, one that it commits does, and what lies
// behind a transaction that is open waits for its end, also over a restart.
func TestGroupReadsWhatIsCommitted(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, cfg kafka.Config) {
		enginetest.CreateTopics(t, cfg, 1, "src")
		kafkatest.Begin(t, cfg.Brokers, "a").Write(row("src", "k", "rolled back"), row("src", "k", "too")).Abort()
		kafkatest.Begin(t, cfg.Brokers, "b").Write(row("src", "k", "kept")).Commit()
		open := kafkatest.Begin(t, cfg.Brokers, "c").Write(row("src", "k", "open"))
		enginetest.Produce(t, cfg, enginetest.Text("src", "k", "behind"))
		var seen enginetest.Log
		first := engine.NewProcessor(cfg, source(&seen, nil))
		stop := enginetest.Run(t, first.Run)
		seen.Await(t, 1)
		awaitCommitted(t, cfg, "s", "src", 4)
		stop()
		second := engine.NewProcessor(cfg, source(&seen, nil))
		enginetest.Run(t, second.Run)
		enginetest.AwaitPhase(t, second, engine.Running)
		open.Abort()
		enginetest.Produce(t, cfg, enginetest.Text("src", "k", "last"))
		want := []string{"kept", "behind", "last"}
		if got := seen.Await(t, len(want)); !slices.Equal(got, want) {
			t.Errorf("saw %q, want %q", got, want)
		}
		awaitCommitted(t, cfg, "s", "src", 9)
		if s := second.Status(); s.Restarts != 0 || len(s.Refused) != 0 {
			t.Errorf("markers and what was rolled back made it %v", s)
		}
	})
}

// A group that has read on beyond an open transaction, as those of Belfry 0.1 did,
// stays where it is.
func TestGroupThatIsAheadOfAnOpenTransaction(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, cfg kafka.Config) {
		enginetest.CreateTopics(t, cfg, 1, "in")
		enginetest.CreateTopics(t, cfg, 1, "g-table")
		enginetest.Form(t, cfg)
		enginetest.Produce(t, cfg, enginetest.Text("in", "k", "processed"))
		open := kafkatest.Begin(t, cfg.Brokers, "a").Write(row("in", "k", "processed, too"))
		enginetest.Commit(t, cfg, 0, 2, "")
		var seen enginetest.Log
		group := enginetest.Group(func(_ *engine.Context, value []byte) { seen.Add(string(value)) })
		group.Positional = true
		p := engine.NewProcessor(cfg, group)
		enginetest.Run(t, p.Run)
		enginetest.AwaitPhase(t, p, engine.Running)
		open.Commit()
		enginetest.Produce(t, cfg, enginetest.Text("in", "k", "new"))
		if got := seen.Await(t, 1); !slices.Equal(got, []string{"new"}) {
			t.Errorf("saw %q, want only what is new", got)
		}
		if s := p.Status(); len(s.Refused) != 0 {
			t.Errorf("the partition is refused: %v", s)
		}
	})
}

// A table that ends in markers, or in what was rolled back, is recovered all the
// same; one with an open transaction when that has ended, since the rows behind it
// may be those of the last owner.
func TestTableIsRecoveredUpToWhatIsCommitted(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, cfg kafka.Config) {
		enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
		enginetest.Produce(t, cfg, enginetest.Text("g-table", "k", "1"))
		kafkatest.Begin(t, cfg.Brokers, "a").Write(row("g-table", "k", "rolled back"), row("g-table", "k", "too")).Abort()
		kafkatest.Begin(t, cfg.Brokers, "b").Write(row("g-table", "other", "rolled back")).Abort()
		var seen enginetest.Log
		group := func() engine.Group {
			return enginetest.Group(func(c *engine.Context, _ []byte) {
				old, _ := c.Value().([]byte)
				seen.Add(string(old))
			})
		}
		enginetest.Produce(t, cfg, enginetest.Text("in", "k", ""))
		stop := enginetest.Run(t, engine.NewProcessor(cfg, group()).Run)
		seen.Await(t, 1)
		stop()
		open := kafkatest.Begin(t, cfg.Brokers, "c").Write(row("g-table", "k", "open"))
		enginetest.Produce(t, cfg, enginetest.Text("g-table", "k", "2"), enginetest.Text("in", "k", ""))
		p := engine.NewProcessor(cfg, group())
		enginetest.Run(t, p.Run)
		await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() + ", want it to tell what it waits for" }, func() bool {
			return strings.Contains(p.Status().String(), "a transaction is open")
		})
		open.Abort()
		if got := seen.Await(t, 2); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("callbacks found the rows %q, want 1 and 2", got)
		}
		if s := p.Status(); len(s.HeldUp) != 0 {
			t.Errorf("it still waits for %v", s.HeldUp)
		}
	})
}

// A view has what is committed, is whole at the last stable offset, and goes on
// when the transaction ends.
func TestViewHoldsWhatIsCommitted(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, cfg kafka.Config) {
		enginetest.CreateTopics(t, cfg, 1, "rows")
		kafkatest.Begin(t, cfg.Brokers, "a").Write(row("rows", "a", "1")).Commit()
		kafkatest.Begin(t, cfg.Brokers, "b").Write(row("rows", "a", "rolled back")).Abort()
		open := kafkatest.Begin(t, cfg.Brokers, "c").Write(row("rows", "a", "open"))
		enginetest.Produce(t, cfg, enginetest.Text("rows", "b", "1"))
		v := table.NewView(cfg, table.Definition{Topic: "rows"})
		enginetest.Run(t, v.Run)
		enginetest.AwaitValue(t, v, "a", "1")
		enginetest.AwaitStored(t, v, 2)
		if got, err := v.Get("b"); got != nil || err != nil {
			t.Errorf("got %q, %v, which lies behind an open transaction", got, err)
		}
		open.Abort()
		enginetest.AwaitValue(t, v, "b", "1")
		enginetest.AwaitValue(t, v, "a", "1")
		enginetest.AwaitStored(t, v, 2)
	})
}

// Looking at a topic shows what its readers get, and ends where they do.
func TestScanOfWhatIsCommitted(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, cfg kafka.Config) {
		enginetest.CreateTopics(t, cfg, 1, "t")
		kafkatest.Begin(t, cfg.Brokers, "a").Write(row("t", "k", "rolled back")).Abort()
		kafkatest.Begin(t, cfg.Brokers, "b").Write(row("t", "k", "kept")).Commit()
		kafkatest.Begin(t, cfg.Brokers, "c").Write(row("t", "k", "open"))
		enginetest.Produce(t, cfg, enginetest.Text("t", "k", "behind"))
		var seen []string
		note := func(m *sarama.ConsumerMessage) error {
			seen = append(seen, fmt.Sprintf("%d %s", m.Offset, m.Value))
			return nil
		}
		want := []string{"2 kept"}
		if err := table.Scan(t.Context(), cfg, "t", 0, note); err != nil || !slices.Equal(seen, want) {
			t.Errorf("scan: %q, %v, want %q", seen, err, want)
		}
		seen = nil
		latest, _, err := table.Latest(t.Context(), cfg, "t", 5)
		for _, m := range latest {
			_ = note(m)
		}
		if err != nil || !slices.Equal(seen, want) {
			t.Errorf("latest: %q, %v, want %q", seen, err, want)
		}
		for offset, why := range map[int64]string{0: "rolled back", 1: "marks a transaction", 4: "open at 4", 5: "open at 4"} {
			if _, _, err := table.RecordAt(t.Context(), cfg, "t", 0, offset); !errors.Is(err, table.ErrOffset) || !strings.Contains(err.Error(), why) {
				t.Errorf("record at %d: %v, want an error that says %q", offset, err, why)
			}
		}
		if at, err := kafka.OffsetsAt(t.Context(), cfg, "t", time.Now().Add(time.Hour)); err != nil || !slices.Equal(at, []int64{4}) {
			t.Errorf("after all records lies %v, %v, want 4", at, err)
		}
		topics := enginetest.OpenTopicsOn(t, cfg)
		if err := kafka.AllStable(t.Context(), topics.Client, "t"); !errors.Is(err, kafka.ErrOpenTransaction) {
			t.Errorf("got %v, want that a transaction is open", err)
		}
		for end, want := range map[int64]int64{4: 3, 3: 3, 2: 0} {
			if got, err := topics.RecordsEnd(t.Context(), "t", 0, 0, end); err != nil || got != want {
				t.Errorf("records below %d end at %d, %v, want %d", end, got, err, want)
			}
		}
	})
}
