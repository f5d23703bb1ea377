package lagwatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/lag"
)

// franz is a client that writes what sarama's does not.
func franz(t *testing.T, brokers []string, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(more, kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// The time lag of a group of ours is that of the record's own timestamp, from
// the first collection on.
func TestLagByTimestamp(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	old := time.Now().Add(-time.Hour)
	client := franz(t, brokers)
	for i := range 3 {
		r := &kgo.Record{Topic: lagTopic, Value: []byte("v"), Timestamp: old.Add(time.Duration(i) * 10 * time.Minute)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	k.commit(lagGroup, lagTopic, 0, 1)
	r, err := lagwatch.Read(t.Context(), kafka.Config{Brokers: brokers}, lagwatch.Config{
		Groups: func() map[string][]string { return declared(lagGroup, lagTopic) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := groupOf(r, lagGroup).MaxLagSeconds; got < 50*60 || got > 51*60 {
		t.Errorf("%v s behind, want 50 minutes", got)
	}
}

// Behind the last record there may be offsets that are none: a group that has
// processed the last record is behind in nothing.
func TestLagBehindTransactions(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	writer := franz(t, brokers, kgo.TransactionalID("writer"))
	for i := range 3 {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: lagTopic, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
	}
	// Records are at 0, 2 and 4, markers after each.
	k.commit(lagGroup, lagTopic, 0, 5)
	k.commit("others", lagTopic, 0, 3)
	w := watchLagOf(t, brokers, lagwatch.Config{
		Groups: func() map[string][]string { return declared(lagGroup, lagTopic) },
		Others: func(group string) bool { return group == "others" },
	})
	g := w.awaitGroup(lagGroup, "Empty 0 0 events/0:5/0/6=0")
	if g.MaxLagSeconds != 0 {
		t.Errorf("%v s behind, want 0", g.MaxLagSeconds)
	}
	// One that stands on a marker is behind from the record after it.
	w.awaitGroup("others", "Empty 0 3 events/0:3/0/6=3")
	k.commit("others", lagTopic, 0, 5)
	w.awaitGroup("others", "Empty 0 0 events/0:5/0/6=0")
	k.Produce(lagTopic, 0, 1)
	w.awaitGroup(lagGroup, "Empty 0 2 events/0:5/0/7=2")
}

// Records that an open transaction holds back are no lag: groups are behind up to where it
// begins, however much comes behind it, and the report says what is held back since
// when. A group that has read beyond it is not behind.
func TestLagAtAnOpenTransaction(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { testLagAtAnOpenTransaction(t, kafkatest.Embedded(t)) })
	t.Run("kafka", func(t *testing.T) { testLagAtAnOpenTransaction(t, kafkatest.Start(t, kafkatest.Config{}).Brokers()) })
}

func testLagAtAnOpenTransaction(t *testing.T, brokers []string) {
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	kafkatest.Begin(t, brokers, "a").Write(&kgo.Record{Topic: lagTopic, Value: []byte("rolled back")}).Abort()
	k.Produce(lagTopic, 0, 3) // 2, 3, 4
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	open := kafkatest.Begin(t, brokers, "b").Write(&kgo.Record{Topic: lagTopic, Value: []byte("open"), Timestamp: began})
	k.Produce(lagTopic, 0, 4) // 6 to 9
	k.commit(lagGroup, lagTopic, 0, 3)
	k.commit("ahead", lagTopic, 0, 8)
	w := watchLagOf(t, brokers, lagwatch.Config{
		Groups: func() map[string][]string { return declared(lagGroup, lagTopic) },
		Others: func(group string) bool { return group == "ahead" },
	})
	g := w.awaitGroup(lagGroup, "Empty 0 2 events/0:3/0/10=2")
	if p := g.Partitions[0]; p.HeldBack != 5 || !p.HeldSince.Equal(began) {
		t.Errorf("%d offsets are held back since %v, want 5 since %v", p.HeldBack, p.HeldSince, began)
	}
	if line, want := g.Partitions[0].Held(began.Add(90*time.Second)), "events/0: 5 offsets from 5 on are held back by a transaction that is open for 1m30s"; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
	w.awaitGroup("ahead", "Empty 0 0 events/0:8/0/10=0")
	k.commit(lagGroup, lagTopic, 0, 5)
	g = w.awaitGroup(lagGroup, "Empty 0 0 events/0:5/0/10=0")
	if g.MaxLagSeconds != 0 {
		t.Errorf("%v s behind at an open transaction, want 0", g.MaxLagSeconds)
	}
	open.Commit()
	g = w.awaitGroup(lagGroup, "Empty 0 6 events/0:5/0/11=6")
	if p := g.Partitions[0]; p.HeldBack != 0 || !p.HeldSince.IsZero() {
		t.Errorf("%d offsets are held back since %v after the transaction has ended", p.HeldBack, p.HeldSince)
	}
}

// A commit of ours says of which log it is, and that counts: after the topic was made
// anew, an offset that happens to fit is not one of it.
func TestLagOfACommitForAnotherLog(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	k.Produce(lagTopic, 0, 5)
	admin := kadm.NewClient(franz(t, brokers))
	at := kadm.Offsets{}
	at.Add(kadm.Offset{Topic: lagTopic, Partition: 0, At: 4, LeaderEpoch: -1, Metadata: fmt.Sprintf("%08x.%d", 1, 1_790_000_000_000)})
	if err := admin.CommitAllOffsets(t.Context(), lagGroup, at); err != nil {
		t.Fatal(err)
	}
	w := watchLag(t, brokers, declared(lagGroup, lagTopic), lagGroup)
	w.awaitGroup(lagGroup, "Empty 0 5 events/0:none/0/5=5")
}

// Groups come and go while lag is collected.
func TestLagOfGroupsThatComeAndGo(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create("a", 1)
	k.Produce("a", 0, 3)
	k.commit("team-1", "a", 0, 1)
	k.commit("else", "a", 0, 1)
	ours := make(chan map[string][]string, 1)
	ours <- map[string][]string{}
	w := watchLagOf(t, brokers, lagwatch.Config{
		Groups: func() map[string][]string {
			now := <-ours
			ours <- now
			return now
		},
		Others: func(group string) bool { return strings.HasPrefix(group, "team-") },
	})
	names := func(want string) func(lag.Report) bool {
		return func(r lag.Report) bool {
			var got []string
			for _, g := range r.Groups {
				got = append(got, g.Name)
			}
			return r.Up && fmt.Sprint(got) == want
		}
	}
	w.Await("one of the others", names("[team-1]"))
	k.commit("team-2", "a", 0, 2)
	<-ours
	ours <- declared("new", "a")
	w.Await("more", names("[new team-1 team-2]"))
	w.awaitGroup("new", "Dead 0 3 a/0:none/0/3=3")
	if err := k.admin.DeleteConsumerGroup("team-1"); err != nil {
		t.Fatal(err)
	}
	<-ours
	ours <- nil
	w.Await("less", names("[team-2]"))
}

// A report says in how long a group will have caught up while the group works, and that
// it never will when the group stops.
func TestLagTellsWhenCaughtUp(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	k := newLagKafka(t, brokers)
	k.create(lagTopic, 1)
	k.Produce(lagTopic, 0, 50)
	w := watchLag(t, brokers, declared(lagGroup, lagTopic), lagGroup)
	w.Await("it never will", func(r lag.Report) bool { return groupOf(r, lagGroup).CatchUpNever })
	next := int64(0)
	w.Await("it will", func(r lag.Report) bool {
		next = min(next+1, 40)
		k.commit(lagGroup, lagTopic, 0, next)
		g := groupOf(r, lagGroup)
		return !g.CatchUpNever && g.CatchUpSeconds != nil && *g.CatchUpSeconds > 0
	})
	k.commit(lagGroup, lagTopic, 0, 50)
	w.Await("it has", func(r lag.Report) bool {
		g := groupOf(r, lagGroup)
		return g.Lag == 0 && g.CatchUpSeconds != nil && *g.CatchUpSeconds == 0
	})
}

func TestReadLagWithoutBroker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := lagwatch.Read(ctx, kafka.Config{Brokers: []string{"127.0.0.1:1"}}, lagwatch.Config{
		Groups: func() map[string][]string { return declared(lagGroup, lagTopic) },
	})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v, want an error that names the broker", err)
	}
}
