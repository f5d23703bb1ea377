package programtest

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
)

// RecordsOf returns all records of a topic, partition after partition.
func RecordsOf(t *testing.T, brokers []string, topic string) []*sarama.ConsumerMessage {
	t.Helper()
	cfg := kafka.Config{Brokers: brokers}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	infos, err := topics.Info(topic)
	if err != nil {
		t.Fatal(err)
	}
	var out []*sarama.ConsumerMessage
	for p := range int32(infos[topic].Partitions) {
		err := table.Scan(t.Context(), cfg, topic, p, func(m *sarama.ConsumerMessage) error {
			out = append(out, m)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
