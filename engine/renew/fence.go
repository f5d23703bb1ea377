package renew

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
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
func (n *renewal) liftOldFence(ctx context.Context, present kafka.TopicInfo) error {
	h, err := n.describe(ctx, present)
	if err != nil || !h.fenced {
		return err
	}
	n.report("%s takes writes again: a renewal of it was killed", n.topic)
	return n.unlimit(ctx, h)
}

// describe returns what a copy says of the topic: all that is needed to create
// it again. A fence is not one of its settings.
func (n *renewal) describe(ctx context.Context, present kafka.TopicInfo) (copyHeader, error) {
	h := copyHeader{
		Format: copyFormat, Topic: n.topic, TopicID: fmt.Sprintf("%x", present.ID), Epoch: fmt.Sprintf("%08x", present.ID.Epoch()),
		Partitions: present.Partitions, Config: map[string]string{}, MaxBytes: defaultMaxBytes,
	}
	response, err := kafka.Metadata(ctx, n.Client, []string{n.topic})
	if err != nil {
		return copyHeader{}, err
	}
	h.Cluster = clusterOf(response)
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			h.Replication = max(h.Replication, len(p.Replicas))
		}
	}
	described, err := n.Admin.DescribeTopicConfigs(ctx, n.topic)
	if err == nil {
		err = described[0].Err
	}
	if err != nil {
		return copyHeader{}, fmt.Errorf("describe topic %s: %w", n.topic, err)
	}
	for _, s := range described[0].Configs {
		value := s.MaybeValue()
		if s.Key == sizeSetting && value == noWrites {
			h.fenced = true
			continue
		}
		if s.Source == kmsg.ConfigSourceDynamicTopicConfig {
			h.Config[s.Key] = value
		}
		if size, err := strconv.Atoi(value); s.Key == sizeSetting && err == nil {
			h.MaxBytes = size
		}
	}
	return h, nil
}

func clusterOf(m *kmsg.MetadataResponse) string {
	if m.ClusterID == nil {
		return ""
	}
	return *m.ClusterID
}

// fence has the brokers refuse every write to the topic, and waits until none
// is under way any more.
func (n *renewal) fence(ctx context.Context, present kafka.TopicInfo) error {
	if err := n.limit(ctx, noWrites); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fenceTimeout)
	defer cancel()
	tick := time.NewTicker(fenceQuiet)
	defer tick.Stop()
	var before []int64
	for {
		ends, settled, err := n.logEnds(ctx, present)
		if err == nil && settled && before != nil && slices.Equal(ends, before) {
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
	if err := n.setLimit(ctx, kadm.SetConfig, &bytes); err != nil {
		return err
	}
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, n.topic, []string{sizeSetting}
	request.Resources = append(request.Resources, resource)
	return n.OnEachBroker(ctx, "has "+sizeSetting+"="+bytes+" of "+n.topic, func(ctx context.Context, b *kgo.Broker) (bool, error) {
		answer, err := b.Request(ctx, request)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(answer.(*kmsg.DescribeConfigsResponse).Resources, func(r kmsg.DescribeConfigsResponseResource) bool {
			return slices.ContainsFunc(r.Configs, func(c kmsg.DescribeConfigsResponseResourceConfig) bool {
				return c.Name == sizeSetting && c.Value != nil && *c.Value == bytes
			})
		}), nil
	})
}

// unlimit gives the topic the setting that it had. It does so also when ctx has
// ended: a topic that is left without takes no writes.
func (n *renewal) unlimit(ctx context.Context, h copyHeader) error {
	ctx = context.WithoutCancel(ctx)
	if bytes, ok := h.Config[sizeSetting]; ok {
		return n.setLimit(ctx, kadm.SetConfig, &bytes)
	}
	return n.setLimit(ctx, kadm.DeleteConfig, nil)
}

func (n *renewal) setLimit(ctx context.Context, do kadm.IncrementalOp, bytes *string) error {
	set, err := n.Admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: do, Name: sizeSetting, Value: bytes}}, n.topic)
	if err == nil {
		err = set[0].Err
	}
	if err != nil {
		return fmt.Errorf("set %s of topic %s: %w", sizeSetting, n.topic, err)
	}
	return nil
}

// logEnds returns the ends of the leaders' logs. They are settled if consumers
// see each to its end: what lies between is replicated still, and may be
// acknowledged at any moment.
func (n *renewal) logEnds(ctx context.Context, present kafka.TopicInfo) (ends []int64, settled bool, err error) {
	described, err := kafka.Metadata(ctx, n.Client, []string{n.topic})
	if err != nil {
		return nil, false, err
	}
	var request kadm.OffsetForLeaderEpochRequest
	for _, t := range described.Topics {
		for _, leader := range t.Partitions {
			// Of the present epoch that is the end of the log.
			request.Add(n.topic, leader.Partition, leader.LeaderEpoch)
		}
	}
	answer, err := n.Admin.OffsetForLeaderEpoch(ctx, request)
	if err != nil {
		return nil, false, fmt.Errorf("find the ends of %s: %w", n.topic, err)
	}
	visible, err := n.ends(ctx, present.Partitions)
	if err != nil {
		return nil, false, err
	}
	ends, settled = make([]int64, present.Partitions), true
	for p := range present.Partitions {
		answered, ok := answer[n.topic][int32(p)]
		if !ok || answered.Err != nil {
			return nil, false, errors.Join(fmt.Errorf("find the end of %s/%d: no answer", n.topic, p), answered.Err)
		}
		// A leader that has written nothing yet knows no end of its epoch.
		ends[p] = max(answered.EndOffset, visible[p])
		settled = settled && visible[p] == ends[p]
	}
	return ends, settled, nil
}

// ends returns where consumers see the partitions end, by partition.
func (n *renewal) ends(ctx context.Context, partitions int) ([]int64, error) {
	return kafka.ListOffsets(ctx, n.Client, n.topic, kafka.LogEnd, kafka.TopicInfo{Partitions: partitions}.All()...)
}
