package broker_test

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/internal/kafkatest"
)

// start starts a broker on a free port and closes it with the test.
func start(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	b, err := broker.Start(cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func createTopic(t *testing.T, b *broker.Broker, name string, settings map[string]string) {
	t.Helper()
	detail := &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1, ConfigEntries: map[string]*string{}}
	for k, v := range settings {
		detail.ConfigEntries[k] = &v
	}
	if err := admin(t, b).CreateTopic(name, detail, false); err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
}

func topicID(t *testing.T, b *broker.Broker, name string) string {
	t.Helper()
	md, err := admin(t, b).DescribeTopics([]string{name})
	if err != nil || len(md) != 1 || md[0].Err != sarama.ErrNoError {
		t.Fatalf("describe topic %s: %v, %v", name, md, err)
	}
	return md[0].Uuid.String()
}

func produce(t *testing.T, b *broker.Broker, cfg *sarama.Config, messages ...*sarama.ProducerMessage) {
	t.Helper()
	p, err := sarama.NewSyncProducer(b.Addrs(), cfg)
	if err != nil {
		t.Fatalf("connect producer: %v", err)
	}
	defer p.Close()
	if err := p.SendMessages(messages); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

func text(topic, key, value string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
}

func endOffset(t *testing.T, b *broker.Broker, topic string) int64 {
	t.Helper()
	c, err := sarama.NewClient(b.Addrs(), kafkatest.ClientConfig())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer c.Close()
	end, err := c.GetOffset(topic, 0, sarama.OffsetNewest)
	if err != nil {
		t.Fatalf("end offset of %s: %v", topic, err)
	}
	return end
}

func admin(t *testing.T, b *broker.Broker) sarama.ClusterAdmin {
	return kafkatest.Admin(t, b.Addrs())
}

// consume gives the first n records of partition 0.
func consume(t *testing.T, b *broker.Broker, topic string, n int) []*sarama.ConsumerMessage {
	t.Helper()
	return kafkatest.Consume(t, b.Addrs(), topic, n, 0)
}
