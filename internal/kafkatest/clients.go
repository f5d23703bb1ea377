package kafkatest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
)

// patience is how long a record that was written may take to be read.
const patience = 30 * time.Second

// ClientConfig returns the settings of a plain client of a test: it waits for
// all acknowledgements, writes each record once and in order to the partition
// that it names, and takes records larger than brokers do by default. Without
// idempotence a retry would write a record twice, which to Belfry are two
// notifications if they have no id.
func ClientConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent, c.Net.MaxOpenRequests = true, 1
	c.Producer.Return.Successes = true
	c.Producer.MaxMessageBytes = 4 << 20
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	return c
}

// Admin connects an admin client, closed with the test.
func Admin(t testing.TB, brokers []string) sarama.ClusterAdmin {
	t.Helper()
	a, err := sarama.NewClusterAdmin(brokers, ClientConfig())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// Produce writes the records to the partitions that they name and waits for
// their acknowledgement.
func Produce(t testing.TB, brokers []string, messages ...*sarama.ProducerMessage) {
	t.Helper()
	p, err := sarama.NewSyncProducer(brokers, ClientConfig())
	if err != nil {
		t.Fatalf("connect producer: %v", err)
	}
	defer p.Close()
	if err := p.SendMessages(messages); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

// Consume returns the first n records of a topic's partitions, in order for
// each partition, and fails the test if they don't come. A table partition's own
// rows ([belfry.PartitionKey]) are not among them.
func Consume(t testing.TB, brokers []string, topic string, n int, partitions ...int32) []*sarama.ConsumerMessage {
	t.Helper()
	c, err := sarama.NewConsumer(brokers, ClientConfig())
	if err != nil {
		t.Fatalf("connect consumer: %v", err)
	}
	defer c.Close()
	all := make(chan *sarama.ConsumerMessage)
	done := make(chan struct{})
	var reading sync.WaitGroup
	defer reading.Wait()
	defer close(done)
	for _, p := range partitions {
		pc, err := c.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			t.Fatalf("consume %s/%d: %v", topic, p, err)
		}
		reading.Go(func() {
			defer pc.Close()
			for {
				select {
				case m := <-pc.Messages():
					if _, own := belfry.ParsePartitionKey(string(m.Key)); own && strings.HasSuffix(topic, "-table") {
						continue
					}
					select {
					case all <- m:
					case <-done:
						return
					}
				case <-done:
					return
				}
			}
		})
	}
	deadline := time.After(patience)
	var got []*sarama.ConsumerMessage
	for len(got) < n {
		select {
		case m := <-all:
			got = append(got, m)
		case <-deadline:
			t.Fatalf("consume %s: got %d records, want %d", topic, len(got), n)
		}
	}
	return got
}
