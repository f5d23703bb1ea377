package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// tombstone is a record that deletes the row of key, for partition 0.
func tombstone(topic, key string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key)}
}

// The tail of an idle compacted partition may be gone: then no record has the
// last offset, and none will come.
func TestViewRecoversWithoutTheLastRecord(t *testing.T) {
	t.Parallel()
	cluster, cfg := enginetest.Cluster(t, kfake.SeedTopics(1, "rows"))
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"), enginetest.Text("rows", "b", "1"))
	const kept, end = 2, 5 // offsets 2 to 4 were written and compacted away
	lists := func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := r.(*kmsg.ListOffsetsRequest)
		if len(req.Topics) != 1 || req.Topics[0].Partitions[0].Timestamp != -1 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		topic, p := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
		topic.Topic, p.Offset, p.LeaderEpoch = "rows", end, 0
		topic.Partitions = append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	}
	fetches := func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := r.(*kmsg.FetchRequest)
		if len(req.Topics) != 1 || req.Topics[0].Partitions[0].FetchOffset < kept {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		topic, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.Topic, topic.TopicID, p.HighWatermark, p.LastStableOffset = req.Topics[0].Topic, req.Topics[0].TopicID, end, end
		topic.Partitions = append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	}
	cluster.ControlKey(int16(kmsg.ListOffsets), lists)
	cluster.ControlKey(int16(kmsg.Fetch), fetches)
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	stop := enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	enginetest.AwaitValue(t, v, "b", "1")
	enginetest.AwaitStored(t, v, end)
	stop()
	// A view does not wait again for a record that does not exist.
	v = table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	enginetest.AwaitStored(t, v, end)
	// A scan, which reads a partition once, does not wait for it either.
	var seen enginetest.Log
	err := table.Scan(t.Context(), cfg, "rows", 0, func(m *sarama.ConsumerMessage) error {
		seen.Add(string(m.Key))
		return nil
	})
	if got := enginetest.Join(seen.Lines()); err != nil || got != "a b " {
		t.Errorf("scan saw %q, %v", got, err)
	}
}

// The marker that ends a transaction has an offset and is no record.
func TestViewRecoversToTheEndOfATransaction(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	kafkatest.Begin(t, cfg.Brokers, "tx").Write(&kgo.Record{Topic: "rows", Key: []byte("a"), Value: []byte("1")}).Commit()
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "a", "1")
	enginetest.AwaitStored(t, v, 2)
	var rows []string
	err := v.Each(t.Context(), func(key string, value []byte, _ time.Time) error {
		rows = append(rows, fmt.Sprintf("%s=%s", key, value))
		return nil
	})
	if want := []string{"a=1"}; err != nil || !slices.Equal(rows, want) {
		t.Errorf("got rows %q, %v; want %q: the marker is none", rows, err, want)
	}
}

// A reader sees nothing before it sees everything.
func TestViewIsNeverReadInPart(t *testing.T) {
	t.Parallel()
	const partitions, rows = 3, 6000
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, partitions, "rows")
	all := make([]*sarama.ProducerMessage, rows)
	for i := range all {
		key := fmt.Sprint("key-", i)
		all[i] = enginetest.Text("rows", key, "1")
		all[i].Partition = kafka.Partition(key, partitions)
	}
	enginetest.Produce(t, cfg, all...)
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for reader := range 3 {
		readers.Go(func() {
			for i := reader; ctx.Err() == nil; i += 7 {
				got, err := v.Get(fmt.Sprint("key-", i%rows))
				if !errors.Is(err, belfry.ErrNotReady) && (err != nil || string(got) != "1") {
					t.Errorf("read %q, %v", got, err)
					return
				}
			}
		})
	}
	enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "key-0", "1")
	cancel()
	readers.Wait()
	enginetest.AwaitValue(t, v, fmt.Sprint("key-", rows-1), "1")
}

func TestEachVisitsEveryRow(t *testing.T) {
	t.Parallel()
	const rows = 700 // more than are read at a time
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "rows")
	want := map[string]string{}
	begin := time.UnixMilli(1_700_000_000_000)
	var all []*sarama.ProducerMessage
	for i := range rows {
		m := enginetest.Text("rows", fmt.Sprint("key-", i), fmt.Sprint(i))
		m.Partition = kafka.Partition(fmt.Sprint("key-", i), 2)
		m.Timestamp = begin.Add(time.Duration(i) * time.Millisecond)
		all = append(all, m)
		want[fmt.Sprint("key-", i)] = fmt.Sprintf("%d %v", i, m.Timestamp.UnixMilli())
	}
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	visit := func() (map[string]string, error) {
		got := map[string]string{}
		err := v.Each(t.Context(), func(key string, value []byte, written time.Time) error {
			if _, ok := got[key]; ok {
				t.Errorf("%s is visited twice", key)
			}
			got[key] = fmt.Sprintf("%s %v", value, written.UnixMilli())
			return nil
		})
		return got, err
	}
	if _, err := visit(); !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("before Run: %v", err)
	}
	enginetest.Produce(t, cfg, all...)
	stop := enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	got, err := visit()
	if err != nil || len(got) != rows {
		t.Errorf("%d rows, %v", len(got), err)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	broken := errors.New("broken")
	calls := 0
	err = v.Each(t.Context(), func(string, []byte, time.Time) error {
		calls++
		return broken
	})
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	// Neither writes nor the end wait for a visit that takes long.
	visiting, leave := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		first := sync.OnceFunc(func() { close(visiting) })
		ended <- v.Each(context.Background(), func(string, []byte, time.Time) error {
			first()
			<-leave
			return nil
		})
	}()
	<-visiting
	m := enginetest.Text("rows", "key-0", "new")
	m.Partition = kafka.Partition("key-0", 2)
	enginetest.Produce(t, cfg, m)
	enginetest.AwaitValue(t, v, "key-0", "new")
	stop()
	close(leave)
	if err := <-ended; !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("visit of a view that was stopped: %v", err)
	}
}

// A view stops at once, wherever it is.
func TestViewStopsWhileItRecovers(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"), enginetest.Text("rows", "a", "2"))
	entered, gate := make(chan struct{}), make(chan struct{})
	v := table.NewView(cfg, table.Definition{Topic: "rows", Accept: func(_, _ []byte) bool {
		close(entered)
		<-gate
		return true
	}})
	stop := enginetest.Run(t, v.Run)
	<-entered
	close(gate)
	stop()
	v = table.NewView(cfg, table.Definition{Topic: "rows"})
	stop = enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "a", "2")
	stop()
	gone := cfg
	gone.Brokers = []string{"127.0.0.1:1"}
	v = table.NewView(gone, table.Definition{Topic: "rows"})
	stop = enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Reconnecting)
	stop()
}
