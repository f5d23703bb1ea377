package engine

import (
	"errors"

	"github.com/IBM/sarama"
)

// noConsumer is the consumer of a group without a table. goka reads nothing with
// it and asks it once a minute for high watermarks, so each method answers.
type noConsumer struct{}

var _ sarama.Consumer = noConsumer{}

// Topics implements sarama.Consumer.
func (noConsumer) Topics() ([]string, error) { return nil, nil }

// Partitions implements sarama.Consumer.
func (noConsumer) Partitions(string) ([]int32, error) { return nil, nil }

// ConsumePartition implements sarama.Consumer.
func (noConsumer) ConsumePartition(string, int32, int64) (sarama.PartitionConsumer, error) {
	return nil, errors.New("a group without a table has nothing to read")
}

// HighWaterMarks implements sarama.Consumer.
func (noConsumer) HighWaterMarks() map[string]map[int32]int64 { return nil }

// Pause implements sarama.Consumer.
func (noConsumer) Pause(map[string][]int32) {}

// Resume implements sarama.Consumer.
func (noConsumer) Resume(map[string][]int32) {}

// PauseAll implements sarama.Consumer.
func (noConsumer) PauseAll() {}

// ResumeAll implements sarama.Consumer.
func (noConsumer) ResumeAll() {}

// Close implements sarama.Consumer.
func (noConsumer) Close() error { return nil }
