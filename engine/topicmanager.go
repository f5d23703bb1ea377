package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine/kafka"
)

// verifyOnly is a goka.TopicManager that creates nothing: two processes that
// start for the first time at once would race, and the loser would die. It
// speaks over the connections that are there, where goka's own makes more, to
// one broker, which may be the one that is down.
type verifyOnly struct {
	topics *kafka.Topics
	group  *group
}

var _ goka.TopicManager = verifyOnly{}

// GetOffset implements goka.TopicManager.
func (v verifyOnly) GetOffset(topic string, partition int32, at int64) (int64, error) {
	if at == kafka.LogEnd {
		return v.tableEnd(kafka.TopicPartition{Topic: topic, Partition: partition})
	}
	return offsetOf(v.topics, topic, partition, at)
}

// openTransactionPoll is how often a table is looked at that ends in a transaction
// which is open.
const openTransactionPoll = 500 * time.Millisecond

// tableEnd returns where recovering a table ends: after the last record that a
// consumer gets, since goka waits for it. It waits for transactions that are open:
// behind them may lie rows that the last owner of the partition has written. It
// gives up when the session ends, and so does goka.
func (v verifyOnly) tableEnd(table kafka.TopicPartition) (int64, error) {
	ctx := context.Background()
	if s := v.group.session.Load(); s != nil {
		ctx = s.Context()
	}
	tick := time.NewTicker(openTransactionPoll)
	defer tick.Stop()
	defer v.group.sup.recovered(table)
	end := int64(-1)
	for {
		logs, err := kafka.ListRanges(ctx, v.topics.Client, table.Topic, table.Partition)
		if err != nil {
			return 0, err
		}
		log := logs[0]
		if end < 0 {
			end = log.End
		}
		if log.Stable >= end {
			return v.topics.RecordsEnd(ctx, table.Topic, table.Partition, log.Start, end)
		}
		v.group.sup.recoveryWaits(table, log.Stable, fmt.Sprintf("the table cannot be recovered beyond: %v there, and %d offsets lie behind it", kafka.ErrOpenTransaction, log.End-log.Stable))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return log.Stable, nil
		}
	}
}

func offsetOf(topics *kafka.Topics, topic string, partition int32, at int64) (int64, error) {
	found, err := kafka.ListOffsets(context.Background(), topics.Client, topic, at, partition)
	if err != nil {
		return 0, err
	}
	return found[0], nil
}

// Partitions implements goka.TopicManager.
func (v verifyOnly) Partitions(topic string) ([]int32, error) {
	infos, err := v.topics.Info(topic)
	return infos[topic].All(), err
}

// EnsureTableExists implements goka.TopicManager.
func (v verifyOnly) EnsureTableExists(topic string, partitions int) error {
	return v.EnsureTopicExists(topic, partitions, 0, nil)
}

// EnsureStreamExists implements goka.TopicManager.
func (v verifyOnly) EnsureStreamExists(topic string, partitions int) error {
	return v.EnsureTopicExists(topic, partitions, 0, nil)
}

// EnsureTopicExists implements goka.TopicManager.
func (v verifyOnly) EnsureTopicExists(topic string, partitions, _ int, _ map[string]string) error {
	got, err := v.Partitions(topic)
	if err != nil {
		return err
	}
	if len(got) != partitions {
		return fmt.Errorf("%w: %s has %d partitions, its inputs have %d: all must have equally many", kafka.ErrTopic, topic, len(got), partitions)
	}
	return nil
}

// Close implements goka.TopicManager. The connections are not its own.
func (verifyOnly) Close() error { return nil }

func topicManager(g *group) goka.TopicManagerBuilder {
	return func([]string) (goka.TopicManager, error) { return verifyOnly{g.topics, g}, nil }
}
