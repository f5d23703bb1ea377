package lagwatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/engine/kafka"
)

// offsets finds the topics of all groups, and where their partitions begin and
// end: one request for the begins, one for the ends and one for the last stable
// offsets to each broker. A topic that our groups do not need may fail, and is left out.
func (c *lagClient) offsets(ctx context.Context, found *lagFacts) error {
	needed := map[string]bool{} // by topic: whether a group of ours reads it
	for _, g := range found.groups {
		for _, topic := range g.topics {
			needed[topic] = needed[topic] || g.ours
		}
	}
	found.topics = make(map[string]*topicFacts, len(needed))
	if len(needed) == 0 {
		return nil // asked for no topic, brokers tell of all
	}
	if err := c.find(ctx, found, needed); err != nil {
		return err
	}
	// The begins first: retention that comes in between may move them beyond an
	// end that was read before. The ends before the stable offsets: what is written in
	// between must not look as if a transaction held it back.
	for _, which := range []int64{kafka.LogStart, kafka.LogEnd, kafka.LogStable} {
		if err := c.bounds(ctx, found, needed, which); err != nil {
			return err
		}
	}
	return nil
}

func (c *lagClient) find(ctx context.Context, found *lagFacts, needed map[string]bool) error {
	resp, err := kafka.Metadata(ctx, c.client, slices.Sorted(maps.Keys(needed)))
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		name := *t.Topic
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			continue
		case err != nil && needed[name]:
			return fmt.Errorf("look up topic %s: %w", name, err)
		case err != nil:
			found.skipped++
			continue
		}
		facts := &topicFacts{id: kafka.TopicID(t.TopicID), partitions: make([]partitionFacts, len(t.Partitions))}
		for _, p := range t.Partitions {
			if int(p.Partition) >= len(facts.partitions) {
				return fmt.Errorf("look up topic %s: partition %d of %d", name, p.Partition, len(facts.partitions))
			}
			facts.partitions[p.Partition] = partitionFacts{leader: p.Leader, known: p.Leader >= 0}
			if p.Leader < 0 {
				if needed[name] {
					return fmt.Errorf("look up topic %s: partition %d has no leader", name, p.Partition)
				}
				found.skipped++
			}
		}
		found.topics[name] = facts
	}
	return nil
}

// bounds reads the begin, the last stable offset or the end of every partition.
func (c *lagClient) bounds(ctx context.Context, found *lagFacts, needed map[string]bool, which int64) error {
	fail := func(topic string, partition int32, err error) error {
		p := &found.topics[topic].partitions[partition]
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition): // deleted since it was looked up
		case needed[topic]:
			return fmt.Errorf("list offsets of %s/%d: %w", topic, partition, err)
		case p.known:
			found.skipped++
		}
		p.known = false
		return nil
	}
	for _, shard := range c.client.RequestSharded(ctx, kafka.ListOffsetsRequest(led(found.topics), which)) {
		if shard.Err != nil {
			for _, t := range shard.Req.(*kmsg.ListOffsetsRequest).Topics {
				for _, p := range t.Partitions {
					if err := fail(t.Topic, p.Partition, errors.Join(shard.Err, ctx.Err())); err != nil {
						return err
					}
				}
			}
			continue
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, got := range t.Partitions {
				if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
					if err := fail(t.Topic, got.Partition, err); err != nil {
						return err
					}
					continue
				}
				p := &found.topics[t.Topic].partitions[got.Partition]
				switch which {
				case kafka.LogStart:
					p.oldest = got.Offset
				case kafka.LogEnd:
					p.end = max(got.Offset, p.oldest)
				default:
					p.stable = max(got.Offset, p.oldest)
					p.end = max(p.end, p.stable)
				}
			}
		}
	}
	return nil
}

// led are the partitions that have a leader to ask, by topic.
func led(topics map[string]*topicFacts) map[string][]int32 {
	out := map[string][]int32{}
	for name, topic := range topics {
		for i, p := range topic.partitions {
			if p.leader >= 0 {
				out[name] = append(out[name], int32(i))
			}
		}
	}
	return out
}
