package engine_test

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/lovoo/goka"
)

// commit sets the offset of group "g" in a partition of "in", as it would be
// after records that are no longer there.
func commit(t *testing.T, cfg engine.Config, partition int32, offset int64, metadata string) {
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

// form has the group exist: brokers take no offsets of one that never did.
func form(t *testing.T, cfg engine.Config) {
	t.Helper()
	p := engine.NewProcessor(cfg, group(func(*engine.Context, []byte) {}))
	stop := run(t, p.Run)
	kafkatest.Eventually(t, patience, func() string { return p.Status().String() },
		func() bool { return p.Status().Phase == engine.Running })
	stop()
}

func epochOf(t *testing.T, cfg engine.Config, topic string) uint32 {
	t.Helper()
	topics, err := engine.OpenTopics(cfg)
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

func on(partition int32, m *sarama.ProducerMessage) *sarama.ProducerMessage {
	m.Partition = partition
	return m
}

// group defines a group "g" over the topic "in" with a table.
func group(process func(*engine.Context, []byte), options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup("g",
			goka.Input("in", engine.Bytes{}, engine.Callback(process)),
			goka.Persist(engine.Bytes{})),
		Options: options,
	}
}

func openTopics(t *testing.T, cfg engine.Config) *engine.Topics {
	t.Helper()
	topics, err := engine.OpenTopics(cfg)
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

func awaitValue(t *testing.T, v *engine.View, key, want string) {
	t.Helper()
	var got []byte
	var err error
	kafkatest.Eventually(t, patience, func() string { return fmt.Sprintf("%s is %q (%v), want %q; %v", key, got, err, want, v.Status()) },
		func() bool {
			got, err = v.Get(key)
			return err == nil && string(got) == want
		})
}

// awaitStored waits until the view has applied the n records of its table.
func awaitStored(t *testing.T, v *engine.View, n int) {
	t.Helper()
	kafkatest.Eventually(t, patience, func() string { return fmt.Sprintf("lag %d of %d, %v", v.Lag(), n, v.Status()) },
		func() bool { return v.Recovered() && v.Lag() == 0 })
}
