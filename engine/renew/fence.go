package renew

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/engine/kafka"
)

const (
	// sizeSetting, set to 0, has brokers refuse every write, whatever
	// acknowledgement it asks for. min.insync.replicas would not do: since
	// Kafka 3.7 a number above the replication factor counts as that.
	sizeSetting = "max.message.bytes"
	noWrites    = "0"

	// A broker that has a setting applies it a moment later; a second without
	// a new record is far longer than that moment.
	fenceQuiet   = time.Second
	fenceTimeout = time.Minute
)

// liftOldFence lets the topic take writes again if a renewal that was killed
// has left it without.
func (n *renewal) liftOldFence(present kafka.TopicInfo) error {
	h, err := n.describe(present)
	if err != nil || !h.fenced {
		return err
	}
	n.report("%s takes writes again: a renewal of it was killed", n.topic)
	return n.unlimit(h)
}

// describe returns what a copy says of the topic: all that is needed to create
// it again. A fence is not one of its settings.
func (n *renewal) describe(present kafka.TopicInfo) (copyHeader, error) {
	response, err := n.Metadata([]string{n.topic})
	if err != nil {
		return copyHeader{}, err
	}
	h := copyHeader{
		Format: copyFormat, Topic: n.topic, TopicID: fmt.Sprintf("%x", present.ID), Epoch: fmt.Sprintf("%08x", present.ID.Epoch()),
		Partitions: present.Partitions, Config: map[string]string{}, MaxBytes: defaultMaxBytes,
	}
	if response.ClusterID != nil {
		h.Cluster = *response.ClusterID
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			h.Replication = max(h.Replication, len(p.Replicas))
		}
	}
	described, err := n.Admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: n.topic}}, sarama.DescribeConfigsOptions{})
	if err == nil && described[0].ErrorCode != sarama.ErrNoError {
		err = described[0].ErrorCode
	}
	if err != nil {
		return copyHeader{}, fmt.Errorf("describe topic %s: %w", n.topic, err)
	}
	for _, s := range described[0].Configs {
		if s.Name == sizeSetting && s.Value == noWrites {
			h.fenced = true
			continue
		}
		if s.Source == sarama.SourceTopic {
			h.Config[s.Name] = s.Value
		}
		if size, err := strconv.Atoi(s.Value); s.Name == sizeSetting && err == nil {
			h.MaxBytes = size
		}
	}
	return h, nil
}

// fence has the brokers refuse every write to the topic, and waits until none
// is under way any more.
func (n *renewal) fence(ctx context.Context, present kafka.TopicInfo) error {
	if err := n.limit(ctx, noWrites); err != nil {
		return err
	}
	p, err := n.cfg.NewProducer("belfry-renewal", true)
	if err != nil {
		return err
	}
	defer p.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, fenceTimeout)
	defer cancel()
	tick := time.NewTicker(fenceQuiet)
	defer tick.Stop()
	var before map[int32]int64
	for {
		ends, settled, err := n.logEnds(ctx, p.Client, present.Partitions)
		if err == nil && settled && before != nil && maps.Equal(ends, before) {
			return nil
		}
		before = ends
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait until nothing is written to %s any more: %w", n.topic, ctx.Err()), err)
		}
	}
}

// limit sets the largest record that the topic takes, and waits until every
// broker has that setting.
func (n *renewal) limit(ctx context.Context, bytes string) error {
	if err := n.setLimit(sarama.IncrementalAlterConfigsOperationSet, &bytes); err != nil {
		return err
	}
	request := &sarama.DescribeConfigsRequest{Version: 1, Resources: []*sarama.ConfigResource{{
		Type: sarama.TopicResource, Name: n.topic, ConfigNames: []string{sizeSetting},
	}}}
	return n.onEachBroker(ctx, "has "+sizeSetting+"="+bytes+" of "+n.topic, func(b *sarama.Broker) (bool, error) {
		response, err := b.DescribeConfigs(request)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(response.Resources, func(r *sarama.ResourceResponse) bool {
			return slices.ContainsFunc(r.Configs, func(e *sarama.ConfigEntry) bool {
				return e.Name == sizeSetting && e.Value == bytes
			})
		}), nil
	})
}

// unlimit gives the topic the setting that it had.
func (n *renewal) unlimit(h copyHeader) error {
	if bytes, ok := h.Config[sizeSetting]; ok {
		return n.setLimit(sarama.IncrementalAlterConfigsOperationSet, &bytes)
	}
	return n.setLimit(sarama.IncrementalAlterConfigsOperationDelete, nil)
}

func (n *renewal) setLimit(do sarama.IncrementalAlterConfigsOperation, bytes *string) error {
	err := n.Admin.IncrementalAlterConfig(sarama.TopicResource, n.topic,
		map[string]sarama.IncrementalAlterConfigsEntry{sizeSetting: {Operation: do, Value: bytes}}, false)
	if err != nil {
		return fmt.Errorf("set %s of topic %s: %w", sizeSetting, n.topic, err)
	}
	return nil
}

// logEnds returns the ends of the leaders' logs. They are settled if consumers
// see each to its end: what lies between is replicated still, and may be
// acknowledged at any moment.
func (n *renewal) logEnds(ctx context.Context, client *kgo.Client, partitions int) (ends map[int32]int64, settled bool, err error) {
	metadata := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &n.topic
	metadata.Topics = append(metadata.Topics, topic)
	described, err := metadata.RequestWith(ctx, client)
	if err != nil {
		return nil, false, fmt.Errorf("look up topic %s: %w", n.topic, err)
	}
	request := kmsg.NewPtrOffsetForLeaderEpochRequest()
	asked := kmsg.NewOffsetForLeaderEpochRequestTopic()
	asked.Topic = n.topic
	for _, t := range described.Topics {
		for _, leader := range t.Partitions {
			one := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			// Of the present epoch that is the end of the log.
			one.Partition, one.LeaderEpoch = leader.Partition, leader.LeaderEpoch
			asked.Partitions = append(asked.Partitions, one)
		}
	}
	request.Topics = append(request.Topics, asked)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, false, fmt.Errorf("find the ends of %s: %w", n.topic, err)
	}
	ends, settled = map[int32]int64{}, true
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, false, fmt.Errorf("find the end of %s/%d: %w", n.topic, p.Partition, err)
			}
			visible, err := n.Client.GetOffset(n.topic, p.Partition, sarama.OffsetNewest)
			if err != nil {
				return nil, false, fmt.Errorf("find the end of %s/%d: %w", n.topic, p.Partition, err)
			}
			// A leader that has written nothing yet knows no end of its epoch.
			ends[p.Partition] = max(p.EndOffset, visible)
			settled = settled && visible == ends[p.Partition]
		}
	}
	if len(ends) != partitions {
		return nil, false, fmt.Errorf("find the ends of %s: %d of %d partitions answered", n.topic, len(ends), partitions)
	}
	return ends, settled, nil
}
