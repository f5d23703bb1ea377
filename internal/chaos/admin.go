package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// askTimeout bounds each question to the brokers: half of them may be paused.
const askTimeout = 3 * time.Second

// admin asks the brokers what the checker and the faults want to know. It does
// not use the engine's own ways, since those are what is being tested. It is
// safe for concurrent use.
type admin struct {
	prefix  belfry.Prefix
	options []kgo.Opt

	mu     sync.Mutex
	client *kgo.Client
}

func openAdmin(cfg kafka.Config, prefix belfry.Prefix) (*admin, error) {
	options := append(cfg.ClientOptions("belfry-chaos"),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.RetryTimeout(askTimeout),
		kgo.RequestTimeoutOverhead(askTimeout), kgo.DialTimeout(askTimeout),
	)
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("open admin client: %w", err)
	}
	return &admin{client: client, options: options, prefix: prefix}, nil
}

func (a *admin) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.client.Close()
}

// ask puts one question. The client remembers a group's coordinator for as long
// as it cannot be reached, so that one that failed is replaced by a new one.
func (a *admin) ask(ctx context.Context, question func(context.Context, *kadm.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	a.mu.Lock()
	client := a.client
	a.mu.Unlock()
	err := question(ctx, kadm.NewClient(client))
	if err == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client == client {
		fresh, openErr := kgo.NewClient(a.options...)
		if openErr != nil {
			return errors.Join(err, openErr)
		}
		client.Close()
		a.client = fresh
	}
	return err
}

// inputs are the groups of the installation with the topics that they read.
func (a *admin) inputs() map[string][]string { return a.prefix.GroupInputs() }

// committed returns the committed offsets of one group; partitions without one
// are absent. It asks for stable ones (KIP-447): any other answer comes from
// below the high watermark as the coordinator knows it, and one that has just
// started after a SIGKILL knows the last that was checkpointed, seconds old.
func (a *admin) committed(ctx context.Context, group string) (map[topicPartition]int64, error) {
	var found kadm.OffsetResponses
	err := a.ask(ctx, func(ctx context.Context, client *kadm.Client) (err error) {
		if found, err = client.FetchOffsets(kadm.RequireStable(ctx), group); err == nil {
			err = found.Error()
		}
		return err
	})
	// Nobody has joined it yet: Kafka says nothing then, others do.
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("fetch offsets of %s: %w", group, err)
	}
	offsets := map[topicPartition]int64{}
	found.Each(func(o kadm.OffsetResponse) {
		if o.At >= 0 {
			offsets[topicPartition{o.Topic, o.Partition}] = o.At
		}
	})
	return offsets, nil
}

type topicPartition struct {
	topic     string
	partition int32
}

// ends returns the end offsets of topics.
func (a *admin) ends(ctx context.Context, topics ...string) (map[topicPartition]int64, error) {
	var found kadm.ListedOffsets
	err := a.ask(ctx, func(ctx context.Context, client *kadm.Client) (err error) {
		if found, err = client.ListEndOffsets(ctx, topics...); err == nil {
			err = found.Error()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the ends of %v: %w", topics, err)
	}
	offsets := map[topicPartition]int64{}
	found.Each(func(o kadm.ListedOffset) { offsets[topicPartition{o.Topic, o.Partition}] = o.Offset })
	return offsets, nil
}

// leader returns the broker that leads a partition.
func (a *admin) leader(ctx context.Context, topic string, partition int32) (int32, error) {
	topics, err := a.describe(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("find the leader of %s/%d: %w", topic, partition, err)
	}
	return topics[topic].Partitions[partition].Leader, nil
}

// awaitInSync waits until every replica of the installation's topics is in sync.
func (a *admin) awaitInSync(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		behind, err := a.outOfSync(ctx, a.topics()...)
		if err == nil && behind == 0 {
			return nil
		}
		if !pause(ctx, 500*time.Millisecond) {
			return fmt.Errorf("%d partitions lack a replica: %w", behind, errors.Join(ctx.Err(), err))
		}
	}
}

// outOfSync counts the partitions of topics that lack a replica.
func (a *admin) outOfSync(ctx context.Context, names ...string) (int, error) {
	topics, err := a.describe(ctx, names...)
	if err != nil {
		return 0, fmt.Errorf("describe topics: %w", err)
	}
	n := 0
	topics.EachPartition(func(p kadm.PartitionDetail) {
		if len(p.ISR) < len(p.Replicas) {
			n++
		}
	})
	return n, nil
}

func (a *admin) describe(ctx context.Context, topics ...string) (found kadm.TopicDetails, err error) {
	err = a.ask(ctx, func(ctx context.Context, client *kadm.Client) (err error) {
		if found, err = client.ListTopics(ctx, topics...); err == nil {
			err = found.Error()
		}
		return err
	})
	return found, err
}

func (a *admin) topics() []string {
	var names []string
	for _, spec := range a.prefix.Topics(1) {
		names = append(names, spec.Name)
	}
	return names
}

// coordinator returns the broker that coordinates a group.
func (a *admin) coordinator(ctx context.Context, group string) (int32, error) {
	var found kadm.FindCoordinatorResponses
	err := a.ask(ctx, func(ctx context.Context, client *kadm.Client) error {
		found = client.FindGroupCoordinators(ctx, group)
		return found.Error()
	})
	if err != nil {
		return 0, fmt.Errorf("find the coordinator of %s: %w", group, err)
	}
	return found[group].NodeID, nil
}

// cleanTimeout bounds how long topics are asked to go: nodes that were killed a moment
// ago may still choose who decides that.
const cleanTimeout = time.Minute

// clean deletes the topics and groups of the installation.
func (a *admin) clean(ctx context.Context) error {
	deadline := time.Now().Add(cleanTimeout)
	for {
		err := a.ask(ctx, func(ctx context.Context, client *kadm.Client) error {
			deleted, err := client.DeleteTopics(ctx, a.topics()...)
			for _, t := range deleted {
				// It went although the answer to an earlier call did not come.
				if !errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
					err = errors.Join(err, t.Err)
				}
			}
			return err
		})
		if err == nil {
			break
		}
		if time.Now().After(deadline) || !pause(ctx, restInterval) {
			return fmt.Errorf("delete topics: %w", err)
		}
	}
	for group := range a.inputs() {
		// One that never was, or that the brokers have forgotten, is fine.
		_ = a.ask(ctx, func(ctx context.Context, client *kadm.Client) error {
			_, err := client.DeleteGroup(ctx, group)
			return err
		})
	}
	return nil
}
