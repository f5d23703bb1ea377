package processors_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
)

const patience = await.Patience

// keyed is a record where the key belongs.
func keyed(topic, key string, value []byte) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Partition: kafka.Partition(key, partitions)}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	return m
}

// event is a record of the notifications topic, all in one partition so that
// what comes after waits for what comes before.
func event(value string, headers ...string) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: prefix.Notifications(), Value: sarama.StringEncoder(value)}
	for i := 0; i < len(headers); i += 2 {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(headers[i]), Value: []byte(headers[i+1])})
	}
	return m
}

func offsets(t *testing.T, cfg kafka.Config, group, topic string) (committed, ends [partitions]int64) {
	t.Helper()
	c, err := sarama.NewClient(cfg.Brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer c.Close()
	response, err := admin(t, cfg).ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1, 2, 3}})
	if err != nil {
		t.Fatalf("offsets of %s: %v", group, err)
	}
	for p := range int32(partitions) {
		committed[p] = max(response.GetBlock(topic, p).Offset, 0)
		if ends[p], err = c.GetOffset(topic, p, sarama.OffsetNewest); err != nil {
			t.Fatalf("end of %s: %v", topic, err)
		}
	}
	return committed, ends
}

// awaitDone waits until every record of every topic is processed.
func awaitDone(t *testing.T, cfg kafka.Config) {
	t.Helper()
	for _, g := range []struct{ group, topic string }{
		{prefix.RouterGroup(prefix.Notifications()), prefix.Notifications()},
		{prefix.UnreadGroup(), prefix.Journal()},
	} {
		var committed, ends [partitions]int64
		await.Eventually(t, patience, func() string { return fmt.Sprintf("%s has committed %v of %v", g.group, committed, ends) },
			func() bool {
				committed, ends = offsets(t, cfg, g.group, g.topic)
				return committed == ends
			})
	}
}

// rewind has a group without members read everything again.
func rewind(t *testing.T, cfg kafka.Config, group, topic string) {
	t.Helper()
	c, err := sarama.NewClient(cfg.Brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer c.Close()
	coordinator, err := c.Coordinator(group)
	if err != nil {
		t.Fatalf("coordinator of %s: %v", group, err)
	}
	request := &sarama.OffsetCommitRequest{Version: 2, ConsumerGroup: group, ConsumerGroupGeneration: -1, RetentionTime: -1}
	for p := range int32(partitions) {
		request.AddBlock(topic, p, 0, 0, "")
	}
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		t.Fatalf("rewind %s: %v", group, err)
	}
	for p, err := range response.Errors[topic] {
		if err != sarama.ErrNoError {
			t.Fatalf("rewind %s/%d: %v", group, p, err)
		}
	}
}

// awaitCount waits until the recipient has that many unread items.
func (p *path) awaitCount(t *testing.T, recipient string, want int) {
	t.Helper()
	await.Eventually(t, patience, func() string {
		return fmt.Sprintf("%s has %d unread, want %d; %s", recipient, p.count(recipient), want, p.trace(t, recipient))
	}, func() bool { return p.count(recipient) == want })
}

// trace tells what each topic on the way holds of the recipient, to see where a
// record stopped or came twice.
func (p *path) trace(t *testing.T, recipient string) string {
	row, err := p.unread.Row(recipient)
	out := fmt.Sprintf("the view holds %+v, %v\n", row, err)
	for _, topic := range []string{prefix.Notifications(), prefix.Journal(), prefix.UnreadTable()} {
		for partition := range int32(partitions) {
			err := table.Scan(t.Context(), p.cfg, topic, partition, func(m *sarama.ConsumerMessage) error {
				if string(m.Key) == recipient || bytes.Contains(m.Value, []byte(recipient)) {
					out += fmt.Sprintf("%s/%d/%d %q\n", topic, partition, m.Offset, m.Value)
				}
				return nil
			})
			if err != nil {
				out += fmt.Sprintf("%s/%d: %v\n", topic, partition, err)
			}
		}
	}
	return out
}

// counter gives the value of the counter or gauge with those labels, in the order of
// their names.
func (p *path) counter(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := p.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			same := len(m.GetLabel()) == len(labels)
			for i, l := range m.GetLabel() {
				same = same && l.GetValue() == labels[i]
			}
			if same {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func admin(t *testing.T, cfg kafka.Config) sarama.ClusterAdmin {
	return kafkatest.Admin(t, cfg.Brokers)
}

// produce writes the records to the partitions that they name.
func produce(t *testing.T, cfg kafka.Config, messages ...*sarama.ProducerMessage) {
	t.Helper()
	kafkatest.Produce(t, cfg.Brokers, messages...)
}

// consume gives the first n records of all partitions of a topic.
func consume(t *testing.T, cfg kafka.Config, topic string, n int) []*sarama.ConsumerMessage {
	t.Helper()
	return kafkatest.Consume(t, cfg.Brokers, topic, n, 0, 1, 2, 3)
}
