package lagwatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/lag"
)

const (
	lagGroup = "readers"
	lagTopic = "events"
)

// lagKafka does to a cluster what lag comes from.
type lagKafka struct {
	t       *testing.T
	brokers []string
	client  sarama.Client
	admin   sarama.ClusterAdmin
}

func newLagKafka(t *testing.T, brokers []string) *lagKafka {
	t.Helper()
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	client, err := sarama.NewClient(brokers, c)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return &lagKafka{t, brokers, client, admin}
}

func (k *lagKafka) create(topic string, partitions int32) {
	k.t.Helper()
	err := k.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false)
	if err != nil {
		k.t.Fatalf("create %s: %v", topic, err)
	}
}

func (k *lagKafka) Produce(topic string, partition int32, n int) {
	k.t.Helper()
	p, err := sarama.NewSyncProducerFromClient(k.client)
	if err != nil {
		k.t.Fatal(err)
	}
	defer p.Close()
	for range n {
		m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder("v")}
		if _, _, err := p.SendMessage(m); err != nil {
			k.t.Fatalf("produce to %s: %v", topic, err)
		}
	}
}

func (k *lagKafka) commit(group, topic string, partition int32, offset int64) {
	k.t.Helper()
	var code sarama.KError
	// A broker that is new loads its coordinators when it is first asked for one.
	await.Eventually(k.t, await.Patience, func() string { return fmt.Sprintf("commit: %v", code) }, func() bool {
		response, err := k.admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{
			topic: {partition: {Offset: offset, LeaderEpoch: -1}},
		}, nil)
		if err != nil {
			k.t.Fatalf("commit: %v", err)
		}
		code = response.Errors[topic][partition]
		return code != sarama.ErrOffsetsLoadInProgress
	})
	if code != sarama.ErrNoError {
		k.t.Fatalf("commit: %v", code)
	}
}

// member joins the group with a member that commits nothing, until stop.
func (k *lagKafka) member(group, topic string) (stop func()) {
	k.t.Helper()
	g, err := sarama.NewConsumerGroup(k.brokers, group, k.client.Config())
	if err != nil {
		k.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(k.t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Consume(ctx, []string{topic}, idle{}) }()
	return func() {
		k.t.Helper()
		cancel()
		if err := errors.Join(<-done, g.Close()); err != nil {
			k.t.Errorf("stop member: %v", err)
		}
	}
}

type idle struct{}

func (idle) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (idle) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (idle) ConsumeClaim(s sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-s.Context().Done()
	return nil
}

// watched is a running Lag.
type watched struct {
	t *testing.T
	*lagwatch.Collector
}

func watchLag(t *testing.T, brokers []string, inputs map[string][]string, groups ...string) watched {
	t.Helper()
	all := map[string][]string{}
	for _, g := range groups {
		all[g] = inputs[g]
	}
	return watchLagOf(t, brokers, lagwatch.Config{Groups: func() map[string][]string { return all }})
}

func watchLagOf(t *testing.T, brokers []string, what lagwatch.Config) watched {
	t.Helper()
	what.Interval = 20 * time.Millisecond
	l := lagwatch.New(kafka.Config{Brokers: brokers, Logger: slog.New(slog.DiscardHandler)}, what)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return watched{t, l}
}

// Await waits for a report that shows at least what ok asks for.
func (w watched) Await(what string, ok func(lag.Report) bool) lag.Report {
	w.t.Helper()
	var r lag.Report
	await.Eventually(w.t, await.Patience, func() string {
		shown, _ := json.Marshal(r)
		return fmt.Sprintf("%s: %s", what, shown)
	}, func() bool {
		r = w.Report()
		return ok(r)
	})
	return r
}

// awaitGroup waits until the group's summary is want; see summary.
func (w watched) awaitGroup(group, want string) lag.Group {
	w.t.Helper()
	r := w.Await(group+" is "+want, func(r lag.Report) bool { return r.Up && summary(r, group) == want })
	return groupOf(r, group)
}

// summary is state, members, lag and for each partition current/oldest/end=lag.
func summary(r lag.Report, group string) string {
	g := groupOf(r, group)
	out := fmt.Sprintf("%s %d %d", g.State, len(g.Members), g.Lag)
	for _, p := range g.Partitions {
		current := "none"
		if p.CurrentOffset != nil {
			current = fmt.Sprint(*p.CurrentOffset)
		}
		out += fmt.Sprintf(" %s/%d:%s/%d/%d=%d", p.Topic, p.Partition, current, p.OldestOffset, p.EndOffset, p.Lag)
	}
	return out
}

func groupOf(r lag.Report, name string) lag.Group {
	for _, g := range r.Groups {
		if g.Name == name {
			return g
		}
	}
	return lag.Group{}
}

func declared(group, topic string) map[string][]string { return map[string][]string{group: {topic}} }

func TestLagOfAGroup(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { testLagOfAGroup(t, kafkatest.Embedded(t)) })
	t.Run("kafka", func(t *testing.T) {
		testLagOfAGroup(t, kafkatest.Start(t, kafkatest.Config{}).Brokers())
	})
}

// testLagOfAGroup follows one group from before it exists to caught up.
func testLagOfAGroup(t *testing.T, brokers []string) {
	k := newLagKafka(t, brokers)
	w := watchLagOf(t, brokers, lagwatch.Config{
		Groups: func() map[string][]string { return declared(lagGroup, lagTopic) },
		Others: func(string) bool { return true },
	})
	w.awaitGroup(lagGroup, "Dead 0 0")

	k.create(lagTopic, 2)
	w.awaitGroup(lagGroup, "Dead 0 0 events/0:none/0/0=0 events/1:none/0/0=0")

	k.Produce(lagTopic, 0, 7)
	k.Produce(lagTopic, 1, 3)
	w.awaitGroup(lagGroup, "Dead 0 10 events/0:none/0/7=7 events/1:none/0/3=3")

	stop := k.member(lagGroup, lagTopic)
	g := w.awaitGroup(lagGroup, "Stable 1 10 events/0:none/0/7=7 events/1:none/0/3=3")
	if m := g.Members[0]; m.ID == "" || m.ClientID != "sarama" || m.Host == "" || m.Partitions != 2 {
		t.Errorf("got member %+v, want one with ID, host, client ID sarama and 2 partitions", m)
	}
	stop()

	k.commit(lagGroup, lagTopic, 0, 5)
	w.awaitGroup(lagGroup, "Empty 0 5 events/0:5/0/7=2 events/1:none/0/3=3")

	// Nobody runs, the lag grows, in records and in time.
	k.Produce(lagTopic, 0, 4)
	g = w.awaitGroup(lagGroup, "Empty 0 9 events/0:5/0/11=6 events/1:none/0/3=3")
	before := g.Partitions[0].LagSeconds
	w.Await("the age grows", func(r lag.Report) bool {
		g := groupOf(r, lagGroup)
		return g.Partitions[0].LagSeconds > before && g.MaxLagSeconds >= g.Partitions[0].LagSeconds
	})

	k.commit(lagGroup, lagTopic, 0, 11)
	k.commit(lagGroup, lagTopic, 1, 3)
	g = w.awaitGroup(lagGroup, "Empty 0 0 events/0:11/0/11=0 events/1:3/0/3=0")
	if g.MaxLagSeconds != 0 {
		t.Errorf("caught up, but %v s behind", g.MaxLagSeconds)
	}

	// Retention overtakes the group.
	k.Produce(lagTopic, 0, 4)
	if err := k.admin.DeleteRecords(lagTopic, map[int32]int64{0: 13}); err != nil {
		t.Fatal(err)
	}
	w.awaitGroup(lagGroup, "Empty 0 2 events/0:11/13/15=2 events/1:3/0/3=0")

	if err := k.admin.DeleteTopic(lagTopic); err != nil {
		t.Fatal(err)
	}
	w.Await("the deleted topic is gone", func(r lag.Report) bool {
		return r.Up && len(groupOf(r, lagGroup).Partitions) == 0
	})
}

// The topics of a group that nobody declared are known from its commits and members.
func TestLagOfAnUndeclaredGroup(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create("a", 1)
	k.create("b", 1)
	k.Produce("a", 0, 3)
	k.Produce("b", 0, 5)
	k.commit(lagGroup, "a", 0, 1)
	w := watchLag(t, brokers, nil, lagGroup, "nobody")
	w.awaitGroup(lagGroup, "Empty 0 2 a/0:1/0/3=2")
	w.awaitGroup("nobody", "Dead 0 0")
	stop := k.member(lagGroup, "b")
	w.awaitGroup(lagGroup, "Stable 1 7 a/0:1/0/3=2 b/0:none/0/5=5")
	stop()
	w.awaitGroup(lagGroup, "Empty 0 2 a/0:1/0/3=2")
}

// A topic made anew has nothing to do with the one before it.
func TestLagOfARecreatedTopic(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	k.Produce(lagTopic, 0, 3)
	w := watchLag(t, brokers, declared(lagGroup, lagTopic), lagGroup)
	w.Await("waits for a second", func(r lag.Report) bool { return r.MaxLagSeconds > 1 })
	deleted := time.Now().Truncate(time.Millisecond) // as records have it
	if err := k.admin.DeleteTopic(lagTopic); err != nil {
		t.Fatal(err)
	}
	k.create(lagTopic, 1)
	k.Produce(lagTopic, 0, 3)
	made := time.Now()
	w.Await("no record is older than its topic", func(r lag.Report) bool {
		return r.Lag == 3 && r.CollectedAt.After(made) && r.MaxLagSeconds <= r.CollectedAt.Sub(deleted).Seconds()
	})
}

func TestLagWithoutBroker(t *testing.T) {
	t.Parallel()
	b, err := broker.Start(broker.Config{Addr: parts.FreeAddr(t), DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	k := newLagKafka(t, b.Addrs())
	k.create(lagTopic, 1)
	k.Produce(lagTopic, 0, 3)
	k.commit(lagGroup, lagTopic, 0, 1)
	w := watchLag(t, b.Addrs(), nil, lagGroup)
	const want = "Empty 0 2 events/0:1/0/3=2"
	w.awaitGroup(lagGroup, want)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	r := w.Await("down", func(r lag.Report) bool { return !r.Up })
	if got := summary(r, lagGroup); got != want {
		t.Errorf("down: got %q, want the last report %q", got, want)
	}
	if r.Error == "" || r.CollectedAt.IsZero() || strings.Contains(r.Error, "\n") {
		t.Errorf("down: error %q, collected at %v", r.Error, r.CollectedAt)
	}
	b, err = broker.Start(broker.Config{Addr: b.Addrs()[0], DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	back := w.Await("up again", func(r lag.Report) bool { return r.Up })
	if !back.CollectedAt.After(r.CollectedAt) || back.Error != "" {
		t.Errorf("up again: %+v", back)
	}
}

func TestLagBeforeRun(t *testing.T) {
	l := lagwatch.New(kafka.Config{Brokers: []string{"127.0.0.1:1"}}, lagwatch.Config{})
	if r := l.Report(); r.Up || r.Groups == nil || !r.CollectedAt.IsZero() {
		t.Errorf("got %+v, want an empty report that is not up", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestLagNeverReached(t *testing.T) {
	w := watchLag(t, []string{"127.0.0.1:1"}, nil, lagGroup)
	r := w.Await("has an error", func(r lag.Report) bool { return r.Error != "" })
	if r.Up || len(r.Groups) != 0 || !r.CollectedAt.IsZero() || !strings.Contains(r.Error, "127.0.0.1:1") {
		t.Errorf("got %+v, want one that is not up and names the broker", r)
	}
}

// A group that only keeps a note of ours reads nothing: it is not shown, however
// much lies behind the offset that goes with the note.
func TestLagOfNotes(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	topics, err := kafka.OpenTopics(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if err := topics.SetNote("belfry-source-1", lagTopic, "activated"); err != nil {
		t.Fatal(err)
	}
	if text, ok, err := topics.Note("belfry-source-1", lagTopic); text != "activated" || !ok || err != nil {
		t.Errorf("note %q, %t, %v", text, ok, err)
	}
	k.Produce(lagTopic, 0, 3)
	k.commit("others", lagTopic, 0, 1)
	r, err := lagwatch.Read(t.Context(), kafka.Config{Brokers: brokers}, lagwatch.Config{Others: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Groups) != 1 || r.Groups[0].Name != "others" || r.Lag != 2 {
		t.Errorf("shown are %+v, want the group of others that is 2 behind", r.Groups)
	}
}
