package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// askTimeout bounds each question to the brokers.
const askTimeout = 10 * time.Second

// connect opens a plain client.
func connect(cfg kafka.Config, more ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append(cfg.ClientOptions("belfry-bench"), more...)...)
	if err != nil {
		return nil, fmt.Errorf("open kafka client: %w", err)
	}
	return client, nil
}

// admin asks the brokers about one installation.
type admin struct {
	client *kgo.Client
	kadm   *kadm.Client
	prefix belfry.Prefix
}

func openAdmin(cfg kafka.Config, prefix belfry.Prefix) (*admin, error) {
	client, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	return &admin{client: client, kadm: kadm.NewClient(client), prefix: prefix}, nil
}

func (a *admin) close() { a.client.Close() }

// stable reports whether the group that every measured program has is one of
// exactly so many members and is not rebalancing. A router's lag is the soak's
// business alone.
func (a *admin) stable(ctx context.Context, members int) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := a.kadm.DescribeGroups(ctx, a.prefix.UnreadGroup())
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return false, fmt.Errorf("describe groups: %w", err)
	}
	for _, g := range found {
		if g.State != "Stable" || len(g.Members) != members {
			return false, nil
		}
	}
	return len(found) == 1, nil
}

// behind is how many records of their inputs the groups have not committed.
func (a *admin) behind(ctx context.Context, inputs map[string][]string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var sum int64
	for group, topics := range inputs {
		committed, err := (&kafka.Topics{Client: a.client, Admin: a.kadm}).Committed(ctx, group)
		if err != nil {
			return 0, err
		}
		ends, err := endsOf(ctx, a.kadm, topics...)
		if err != nil {
			return 0, err
		}
		ends.Each(func(end kadm.ListedOffset) {
			at := int64(0)
			if c, ok := committed.Lookup(end.Topic, end.Partition); ok {
				at = max(c.At, 0)
			}
			sum += max(end.Offset-at, 0)
		})
	}
	return sum, nil
}

// endsOf returns where all partitions of topics end.
func endsOf(ctx context.Context, k *kadm.Client, topics ...string) (kadm.ListedOffsets, error) {
	ends, err := k.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the ends of %s: %w", strings.Join(topics, ", "), err)
	}
	return ends, nil
}

// delete removes the topics and groups of the installation.
func (a *admin) delete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*askTimeout)
	defer cancel()
	var names []string
	for _, spec := range a.prefix.Topics(1) {
		names = append(names, spec.Name)
	}
	deleted, err := a.kadm.DeleteTopics(ctx, names...)
	if err == nil {
		err = deleted.Error()
	}
	for group := range a.prefix.GroupInputs() {
		// One that never was, or that still counts a killed member, is left to
		// the broker to forget.
		_, _ = a.kadm.DeleteGroup(ctx, group)
	}
	if err != nil {
		return fmt.Errorf("delete the topics of %s: %w", a.prefix, err)
	}
	return nil
}

// Follower reads topics from the ends they had when it was opened.
type Follower struct{ client *kgo.Client }

// Follow opens a follower. The caller must close it.
func Follow(ctx context.Context, cfg kafka.Config, topics ...string) (*Follower, error) {
	client, err := connect(cfg, kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ends, err := endsOf(ctx, kadm.NewClient(client), topics...)
	if err != nil {
		client.Close()
		return nil, err
	}
	at := map[string]map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		if at[end.Topic] == nil {
			at[end.Topic] = map[int32]kgo.Offset{}
		}
		at[end.Topic][end.Partition] = kgo.NewOffset().At(end.Offset)
	})
	client.AddConsumePartitions(at)
	return &Follower{client}, nil
}

// Run calls visit, on this goroutine, for each record with the time at which it
// was received, until ctx ends.
func (f *Follower) Run(ctx context.Context, visit func(r *kgo.Record, at time.Time)) error {
	for {
		fetches := f.client.PollFetches(ctx)
		at := time.Now()
		if ctx.Err() != nil {
			return nil
		}
		// Anything else is tried again by the client.
		if i := slices.IndexFunc(fetches.Errors(), func(e kgo.FetchError) bool { return errors.Is(e.Err, kgo.ErrClientClosed) }); i >= 0 {
			return nil
		}
		fetches.EachRecord(func(r *kgo.Record) { visit(r, at) })
	}
}

// Close ends the connections.
func (f *Follower) Close() { f.client.Close() }

// Written is how many records were ever written to a topic.
func Written(ctx context.Context, topics *kafka.Topics, topic string) (sum int64, err error) {
	_, logs, err := kafka.RangesOf(ctx, topics.Client, topic)
	for _, log := range logs {
		sum += log.End
	}
	return sum, err
}
