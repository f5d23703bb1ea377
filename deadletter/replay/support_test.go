package replay_test

import (
	"log/slog"
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/kafkatest"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 4
	patience   = kafkatest.Patience
)

func config(t *testing.T) kafka.Config {
	t.Helper()
	return kafka.Config{Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
}

func makeTopics(t *testing.T, cfg kafka.Config) {
	t.Helper()
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if _, err := topics.Ensure(t.Context(), prefix.Topics(partitions), 0); err != nil {
		t.Fatal(err)
	}
}

// produce writes the records to the partitions that they name.
func produce(t *testing.T, cfg kafka.Config, messages ...*sarama.ProducerMessage) {
	t.Helper()
	kafkatest.Produce(t, cfg.Brokers, messages...)
}
