package renew_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// twoHops is an installation of an earlier release.
type twoHops struct {
	cfg    kafka.Config
	topics *kafka.Topics
	steps  []string
}

const twoHopsPartitions = 2

func newTwoHops(t *testing.T, cfg kafka.Config) *twoHops {
	t.Helper()
	in := &twoHops{cfg: cfg, topics: enginetest.OpenTopicsOn(t, cfg)}
	specs := append(belfry.Prefix("old").Topics(twoHopsPartitions), belfry.TopicSpec{
		Name: "old.items", Partitions: twoHopsPartitions, Config: map[string]string{"cleanup.policy": "delete"},
	})
	if _, err := in.topics.Ensure(t.Context(), specs, 1); err != nil {
		t.Fatal(err)
	}
	return in
}

// put writes contents, "key=value" or "key=" for a tombstone, each where it belongs.
func (in *twoHops) put(t *testing.T, topic string, contents ...string) {
	t.Helper()
	var all []*sarama.ProducerMessage
	for _, c := range contents {
		key, value, _ := strings.Cut(c, "=")
		m := enginetest.Text(topic, key, value)
		if value == "" {
			m.Value = nil
		}
		m.Partition = kafka.Partition(key, twoHopsPartitions)
		all = append(all, m)
	}
	enginetest.Produce(t, in.cfg, all...)
}

func (in *twoHops) Run(t *testing.T, step func(string)) error {
	t.Helper()
	in.steps = nil
	return in.oneHop(func(c kafka.Change) {
		in.steps = append(in.steps, string(c))
		if step != nil {
			step(string(c))
		}
	}).Run(t.Context(), in.cfg)
}

func (in *twoHops) oneHop(report func(kafka.Change)) renew.OneHop {
	check := func(key string, value []byte) error {
		if !strings.Contains(key, "/") {
			return errors.New("key without a seq")
		}
		return nil
	}
	return renew.OneHop{Prefix: "old", Check: check, Report: report}
}

func (in *twoHops) needed(t *testing.T) error {
	t.Helper()
	return renew.CheckOneHop(t.Context(), in.topics, "old")
}

// table is the inbox table: the last value of each key.
func (in *twoHops) table(t *testing.T) []string {
	t.Helper()
	last := map[string]string{}
	for p := range int32(twoHopsPartitions) {
		err := table.Scan(t.Context(), in.cfg, "old-inbox-table", p, func(m *sarama.ConsumerMessage) error {
			if want := kafka.Partition(string(m.Key), twoHopsPartitions); want != p {
				t.Errorf("%s is in partition %d, want %d", m.Key, p, want)
			}
			last[string(m.Key)] = string(m.Value)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for k, v := range last {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// writes reports whether the topic takes a write.
func (in *twoHops) writes(t *testing.T) error {
	t.Helper()
	client, err := kgo.NewClient(in.cfg.ClientOptions("late")...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return client.ProduceSync(t.Context(), &kgo.Record{Topic: "old.items", Key: []byte("late/1"), Value: []byte("v")}).FirstErr()
}

func TestOneHopTakesTheRestToTheTable(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"embedded", "kafka"} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			cfg := enginetest.Config(t)
			if on == "kafka" {
				cfg.Brokers = kafkatest.Start(t, kafkatest.Config{}).Brokers()
			}
			in := newTwoHops(t, cfg)
			in.put(t, "old.items", "a/1=x", "b/1=x", "c/1=x")
			in.put(t, "old-inbox-table", "a/1=x", "b/1=x", "c/1=x")
			// The group has taken these; what comes is still on its way.
			client, err := kgo.NewClient(cfg.ClientOptions("test")...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			ends, err := kafka.ListOffsets(t.Context(), client, "old.items", kafka.LogEnd, 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			var taken kadm.Offsets
			for p, end := range ends {
				taken.AddOffset("old.items", int32(p), end, -1)
			}
			if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "old-inbox", taken); err != nil {
				t.Fatal(err)
			}
			in.put(t, "old.items", "a/2=y", "b/1=", "d/4=z", "d/4=")
			if err := in.needed(t); !errors.Is(err, renew.ErrTwoHops) || !strings.Contains(err.Error(), "takes writes") {
				t.Errorf("before: %v, want that it is needed", err)
			}
			if err := in.Run(t, nil); err != nil {
				t.Fatalf("%v after %q", err, in.steps)
			}
			if got, want := in.table(t), []string{"a/1=x", "a/2=y", "b/1=", "c/1=x", "d/4="}; !slices.Equal(got, want) {
				t.Errorf("the table is %q, want %q", got, want)
			}
			if err := in.needed(t); err != nil {
				t.Errorf("after: %v", err)
			}
			if err := in.writes(t); !errors.Is(err, kerr.MessageTooLarge) {
				t.Errorf("a late write: %v, want that it is refused", err)
			}
			committed, err := in.topics.Committed(t.Context(), "old-inbox")
			if err != nil {
				t.Fatal(err)
			}
			for p := range int32(twoHopsPartitions) {
				if c, ok := committed.Lookup("old.items", p); !ok || !kafka.IsNote(c.Metadata) {
					t.Errorf("partition %d is committed with %q, want a note: it is no lag", p, c.Metadata)
				}
			}
			if err := in.Run(t, nil); err != nil || len(in.steps) != 1 || !strings.Contains(in.steps[0], "done before") {
				t.Errorf("again: %v, %q", err, in.steps)
			}
		})
	}
}

func TestOneHopIsNotNeeded(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	in := &twoHops{cfg: cfg, topics: enginetest.OpenTopicsOn(t, cfg)}
	if err := in.needed(t); err != nil {
		t.Errorf("without the topic: %v", err)
	}
	if err := in.Run(t, nil); err != nil || len(in.steps) != 1 || !strings.Contains(in.steps[0], "nothing to do") {
		t.Errorf("without the topic: %v, %q", err, in.steps)
	}
}

// A record that only the earlier release can set aside is not lost, and not taken for a content.
func TestOneHopLeavesWhatIsNoContent(t *testing.T) {
	t.Parallel()
	in := newTwoHops(t, enginetest.Config(t))
	in.put(t, "old.items", "a/1=x", "garbage=x")
	err := in.Run(t, nil)
	if err == nil || !strings.Contains(err.Error(), "key without a seq") || !strings.Contains(err.Error(), "--groups inbox") {
		t.Errorf("got %v, want the record and the way out", err)
	}
	if err := in.needed(t); !errors.Is(err, renew.ErrTwoHops) || !strings.Contains(err.Error(), "2 records") {
		t.Errorf("after it: %v, want that it is still needed", err)
	}
}

// A member of the earlier release is waited for; what it goes on to take is not
// taken twice, and what it leaves is.
func TestOneHopWaitsForTheEarlierRelease(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	in := newTwoHops(t, cfg)
	in.put(t, "old.items", "a/1=x", "b/2=x")
	member, err := kgo.NewClient(append(cfg.ClientOptions("old"), kgo.ConsumerGroup("old-inbox"), kgo.ConsumeTopics("old.items"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	for n := 0; n < 2; {
		n += member.PollFetches(t.Context()).NumRecords()
	}
	var left bool
	err = in.Run(t, func(step string) {
		switch {
		case strings.HasPrefix(step, "waiting for old-inbox"):
			// Its table has both now.
			in.put(t, "old-inbox-table", "a/1=x", "b/2=x")
			if err := member.CommitUncommittedOffsets(context.Background()); err != nil {
				t.Error(err)
			}
		case strings.Contains(step, "has 1 members"):
			left = true
			member.Close()
		}
	})
	if err != nil || !left {
		t.Fatalf("%v, left %t, after %q", err, left, in.steps)
	}
	if got, want := in.table(t), []string{"a/1=x", "b/2=x"}; !slices.Equal(got, want) {
		t.Errorf("the table is %q, want %q", got, want)
	}
	for _, s := range in.steps {
		if strings.HasPrefix(s, "took ") {
			t.Errorf("took again what the group had taken: %q", s)
		}
	}
	if err := in.needed(t); err != nil {
		t.Error(err)
	}
}

func TestOneHopGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	in := newTwoHops(t, enginetest.Config(t))
	in.put(t, "old.items", "a/1=x", "b/2=x")
	ctx, cancel := context.WithCancel(t.Context())
	err := in.oneHop(func(c kafka.Change) {
		if strings.Contains(string(c), "takes no writes") {
			cancel()
		}
	}).Run(ctx, in.cfg)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if err := in.needed(t); !errors.Is(err, renew.ErrTwoHops) {
		t.Errorf("half done: %v, want that it is needed", err)
	}
	if err := in.Run(t, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(in.table(t)), "[a/1=x b/2=x]"; got != want || in.needed(t) != nil {
		t.Errorf("the table is %s, want %s; %v", got, want, in.needed(t))
	}
}
