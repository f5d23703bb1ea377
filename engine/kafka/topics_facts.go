package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicFacts is what the brokers say of a topic, for people.
type TopicFacts struct {
	Name       string
	Settings   map[string]string // nil if they may not be seen
	Partitions []PartitionFacts
}

// PartitionFacts is what they say of one of its partitions.
type PartitionFacts struct {
	Leader   int32 // -1: none
	Replicas []int32
	InSync   []int32
	Log      LogRange // zero without a leader
	// Bytes is the size of its largest replica on disk; -1 if that is not told.
	Bytes int64
}

// DescribeTopics returns what the brokers say of those of the topics that exist,
// in the order of names. A fact that may not be seen, or that an old broker does not know, is
// left out.
func DescribeTopics(ctx context.Context, cfg Config, names []string) (out []TopicFacts, err error) {
	err = cfg.ask(ctx, func(ctx context.Context, client *kgo.Client) error {
		out, err = describeTopics(ctx, client, names)
		return err
	})
	return out, err
}

func describeTopics(ctx context.Context, client *kgo.Client, names []string) ([]TopicFacts, error) {
	response, err := Metadata(ctx, client, names)
	if err != nil {
		return nil, err
	}
	found := map[string]*TopicFacts{}
	set := kadm.TopicsSet{}
	for _, t := range response.Topics {
		if t.Topic == nil || t.ErrorCode == kerr.UnknownTopicOrPartition.Code {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			if errors.Is(err, kerr.TopicAuthorizationFailed) {
				continue
			}
			return nil, fmt.Errorf("look up topic %s: %w", *t.Topic, err)
		}
		facts := &TopicFacts{Name: *t.Topic, Partitions: make([]PartitionFacts, len(t.Partitions))}
		var led []int32
		for _, p := range t.Partitions {
			if p.Partition < 0 || int(p.Partition) >= len(facts.Partitions) {
				return nil, fmt.Errorf("look up topic %s: partition %d of %d", facts.Name, p.Partition, len(facts.Partitions))
			}
			facts.Partitions[p.Partition] = PartitionFacts{Leader: p.Leader, Replicas: p.Replicas, InSync: p.ISR, Bytes: -1}
			if p.Leader >= 0 {
				led = append(led, p.Partition)
			}
		}
		ranges, err := ListRanges(ctx, client, facts.Name, led...)
		if err != nil {
			return nil, err
		}
		for i, p := range led {
			facts.Partitions[p].Log = ranges[i]
		}
		found[facts.Name] = facts
		set.Add(facts.Name, led...)
	}
	if len(found) == 0 {
		return nil, nil
	}
	admin := kadm.NewClient(client)
	// Both need permissions of their own, that the rest does without.
	if configs, err := admin.DescribeTopicConfigs(ctx, set.Topics()...); err == nil {
		for _, c := range configs {
			if facts := found[c.Name]; facts != nil && c.Err == nil {
				facts.Settings = make(map[string]string, len(c.Configs))
				for _, e := range c.Configs {
					facts.Settings[e.Key] = e.MaybeValue()
				}
			}
		}
	}
	if dirs, _ := admin.DescribeAllLogDirs(ctx, set); dirs != nil { // of the brokers that answer
		dirs.Each(func(d kadm.DescribedLogDir) {
			d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				if facts := found[p.Topic]; facts != nil && int(p.Partition) < len(facts.Partitions) {
					at := &facts.Partitions[p.Partition]
					at.Bytes = max(at.Bytes, p.Size)
				}
			})
		})
	}
	var out []TopicFacts
	for _, name := range names {
		if facts := found[name]; facts != nil {
			out = append(out, *facts)
		}
	}
	return out, nil
}
