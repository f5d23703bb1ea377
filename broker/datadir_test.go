package broker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/internal/kafkatest"
)

func commit(t *testing.T, b *broker.Broker, group, topic string, offset int64) {
	t.Helper()
	c, err := sarama.NewClient(b.Addrs(), kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	coordinator, err := c.Coordinator(group)
	if err != nil {
		t.Fatalf("coordinator of %s: %v", group, err)
	}
	req := &sarama.OffsetCommitRequest{Version: 2, ConsumerGroup: group, ConsumerGroupGeneration: -1, RetentionTime: -1}
	req.AddBlock(topic, 0, offset, 0, "")
	resp, err := coordinator.CommitOffset(req)
	if err != nil || resp.Errors[topic][0] != sarama.ErrNoError {
		t.Fatalf("commit: %v, %v", resp, err)
	}
}

// committed gives the group's offset, -1 without one.
func committed(t *testing.T, b *broker.Broker, group, topic string) int64 {
	t.Helper()
	resp, err := admin(t, b).ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	if err != nil {
		t.Fatalf("offsets of %s: %v", group, err)
	}
	return resp.GetBlock(topic, 0).Offset
}

func TestRestartKeeps(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{DataDir: t.TempDir()}
	b := start(t, cfg)
	createTopic(t, b, "events", map[string]string{"retention.ms": "604800000"})
	produce(t, b, kafkatest.ClientConfig(), text("events", "a", "1"), text("events", "b", "2"))
	commit(t, b, "readers", "events", 1)
	id := topicID(t, b, "events")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = start(t, cfg)
	if got := topicID(t, b, "events"); got != id {
		t.Errorf("topic ID %s after restart, want %s", got, id)
	}
	if got := committed(t, b, "readers", "events"); got != 1 {
		t.Errorf("committed offset %d after restart, want 1", got)
	}
	described, err := admin(t, b).DescribeConfigs([]*sarama.ConfigResource{
		{Type: sarama.TopicResource, Name: "events", ConfigNames: []string{"retention.ms"}},
	}, sarama.DescribeConfigsOptions{})
	if err != nil || len(described) != 1 || len(described[0].Configs) != 1 || described[0].Configs[0].Value != "604800000" {
		t.Errorf("retention.ms after restart: %v (%v), want 604800000", described, err)
	}
	produce(t, b, kafkatest.ClientConfig(), text("events", "c", "3"))
	for i, m := range consume(t, b, "events", 3) {
		if want := fmt.Sprint(i + 1); m.Offset != int64(i) || string(m.Value) != want {
			t.Errorf("record %d: offset %d value %s, want value %s", i, m.Offset, m.Value, want)
		}
	}
}

func TestRestartWithoutDataDirKeepsNothing(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Config{})
	createTopic(t, b, "events", nil)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	topics, err := admin(t, start(t, broker.Config{})).ListTopics()
	if err != nil || len(topics) != 0 {
		t.Errorf("topics after restart: %v (%v), want none", topics, err)
	}
}

func TestDataDirInUse(t *testing.T) {
	cfg := broker.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir()}
	first := start(t, cfg)
	if second, err := broker.Start(cfg); err == nil {
		second.Close()
		t.Fatal("two brokers on one data folder")
	} else if !strings.Contains(err.Error(), cfg.DataDir+" is in use") {
		t.Errorf("error %q doesn't say that the folder is in use", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
}

// A partition that retention has emptied must not begin again at 0 under the same
// topic ID: readers would take it for a log that has lost its end.
func TestRestartKeepsOffsetsOfEmptyPartition(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{DataDir: t.TempDir()}
	b := start(t, cfg)
	createTopic(t, b, "events", nil)
	produce(t, b, kafkatest.ClientConfig(), text("events", "a", "1"), text("events", "b", "2"))
	if err := admin(t, b).DeleteRecords("events", map[int32]int64{0: 2}); err != nil {
		t.Fatal(err)
	}
	for restart := range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = start(t, cfg)
		if got := endOffset(t, b, "events"); got != 2 {
			t.Fatalf("end offset %d after restart %d, want 2", got, restart+1)
		}
	}
	produce(t, b, kafkatest.ClientConfig(), text("events", "c", "3"))
	if m := consume(t, b, "events", 1)[0]; m.Offset != 2 || string(m.Value) != "3" {
		t.Errorf("next record at %d is %s, want 3 at 2", m.Offset, m.Value)
	}
}

// A copy of the folder under a running broker is what a kill leaves.
func TestKillKeepsRecordsAndProducersGoOn(t *testing.T) {
	before := broker.Config{DataDir: t.TempDir()}
	b := start(t, before)
	createTopic(t, b, "events", nil)
	addr := b.Addrs()[0]

	c := kafkatest.ClientConfig()
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Retry.Max = 100
	c.Producer.Retry.Backoff = 20 * time.Millisecond
	p, err := sarama.NewSyncProducer([]string{addr}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	send := func(value string) {
		t.Helper()
		if _, _, err := p.SendMessage(text("events", "a", value)); err != nil {
			t.Fatalf("produce %s: %v", value, err)
		}
	}
	send("1")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	before.Addr = addr
	b = start(t, before)
	send("2")
	send("3")
	id := topicID(t, b, "events")
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(before.DataDir)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = start(t, broker.Config{Addr: addr, DataDir: killed})
	send("4")
	if got := topicID(t, b, "events"); got != id {
		t.Errorf("topic ID %s after kill, want %s", got, id)
	}
	for i, m := range consume(t, b, "events", 4) {
		if want := fmt.Sprint(i + 1); string(m.Value) != want {
			t.Errorf("record %d is %s, want %s", i, m.Value, want)
		}
	}
}

func TestStartCompacts(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{DataDir: t.TempDir()}
	b := start(t, cfg)
	createTopic(t, b, "table", map[string]string{"cleanup.policy": "compact"})
	for _, value := range []string{"1", "2", "3"} {
		m := text("table", "a", value)
		m.Timestamp = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		produce(t, b, kafkatest.ClientConfig(), m)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, cfg)
	// The newest batch is never compacted; the one before holds the newest
	// value of the rest. Neither is too old for a table.
	for i, m := range consume(t, b, "table", 2) {
		if want := fmt.Sprint(i + 2); string(m.Value) != want {
			t.Errorf("row %d is %s, want %s", i, m.Value, want)
		}
	}
}
