package enginetest

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/lovoo/goka"
)

// Commit sets the offset of group "g" in a partition of "in", as it would be
// after records that are no longer there.
func Commit(t *testing.T, cfg kafka.Config, partition int32, offset int64, metadata string) {
	t.Helper()
	client, err := sarama.NewClient(cfg.Brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets, err := sarama.NewOffsetManagerFromClient("g", client)
	if err != nil {
		t.Fatal(err)
	}
	p, err := offsets.ManagePartition("in", partition)
	if err != nil {
		t.Fatal(err)
	}
	p.MarkOffset(offset, metadata)
	p.AsyncClose()
	if err := offsets.Close(); err != nil {
		t.Fatal(err)
	}
}

// Form has the group exist: brokers take no offsets of one that never did.
func Form(t *testing.T, cfg kafka.Config) {
	t.Helper()
	p := engine.NewProcessor(cfg, Group(func(*engine.Context, []byte) {}))
	stop := Run(t, p.Run)
	await.Eventually(t, Patience, func() string { return p.Status().String() },
		func() bool { return p.Status().Phase == engine.Running })
	stop()
}

func EpochOf(t *testing.T, cfg kafka.Config, topic string) uint32 {
	t.Helper()
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	infos, err := topics.Info(topic)
	if err != nil {
		t.Fatal(err)
	}
	return infos[topic].ID.Epoch()
}

func On(partition int32, m *sarama.ProducerMessage) *sarama.ProducerMessage {
	m.Partition = partition
	return m
}

// Group defines a group "g" over the topic "in" with a table.
func Group(process func(*engine.Context, []byte), options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup("g",
			goka.Input("in", engine.Bytes{}, engine.Callback(process)),
			goka.Persist(engine.Bytes{})),
		Options: options,
	}
}

func OpenTopicsOn(t *testing.T, cfg kafka.Config) *kafka.Topics {
	t.Helper()
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topics.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return topics
}

func AwaitValue(t *testing.T, v *table.View, key, want string) {
	t.Helper()
	var got []byte
	var err error
	await.Eventually(t, Patience, func() string { return fmt.Sprintf("%s is %q (%v), want %q; %v", key, got, err, want, v.Status()) },
		func() bool {
			got, err = v.Get(key)
			return err == nil && string(got) == want
		})
}

// AwaitStored waits until the view has applied the n records of its table.
func AwaitStored(t *testing.T, v *table.View, n int) {
	t.Helper()
	await.Eventually(t, Patience, func() string { return fmt.Sprintf("lag %d of %d, %v", v.Lag(), n, v.Status()) },
		func() bool { return v.Recovered() && v.Lag() == 0 })
}
