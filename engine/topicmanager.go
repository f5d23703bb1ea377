package engine

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// verifyOnly is a goka.TopicManager that creates nothing: two processes that
// start for the first time at once would race, and the loser would die.
type verifyOnly struct {
	goka.TopicManager
	// endOnly says that tables begin at their end: there is nothing to recover.
	endOnly bool
}

func (v verifyOnly) GetOffset(topic string, partition int32, at int64) (int64, error) {
	if v.endOnly && at == sarama.OffsetOldest {
		at = sarama.OffsetNewest
	}
	return v.TopicManager.GetOffset(topic, partition, at)
}

func (v verifyOnly) EnsureTableExists(topic string, partitions int) error {
	return v.EnsureTopicExists(topic, partitions, 0, nil)
}

func (v verifyOnly) EnsureStreamExists(topic string, partitions int) error {
	return v.EnsureTopicExists(topic, partitions, 0, nil)
}

func (v verifyOnly) EnsureTopicExists(topic string, partitions, _ int, _ map[string]string) error {
	got, err := v.Partitions(topic)
	if err != nil {
		return fmt.Errorf("%w: %s: %w: create it with \"belfry topics\"", ErrTopic, topic, err)
	}
	if len(got) != partitions {
		return fmt.Errorf("%w: %s has %d partitions, its inputs have %d: all must have equally many", ErrTopic, topic, len(got), partitions)
	}
	return nil
}

func (c *Config) topicManager(endOnly bool) goka.TopicManagerBuilder {
	return func(brokers []string) (goka.TopicManager, error) {
		sc, err := c.sarama()
		if err != nil {
			return nil, err
		}
		tm, err := goka.NewTopicManager(brokers, sc, goka.NewTopicManagerConfig())
		if err != nil {
			return nil, err
		}
		return verifyOnly{tm, endOnly}, nil
	}
}
