package replay_test

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 4
	patience   = await.Patience
)

func installed(t *testing.T) kafka.Config {
	t.Helper()
	return kafkatest.Installation(t, prefix, partitions)
}

// produce writes the records to the partitions that they name.
func produce(t *testing.T, cfg kafka.Config, messages ...*sarama.ProducerMessage) {
	t.Helper()
	kafkatest.Produce(t, cfg.Brokers, messages...)
}
