package lagwatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/lag"
)

// lagRetry is about how long to wait before a request is tried again.
const lagRetry = 200 * time.Millisecond

// A collection waits so long for brokers, and asks so much of them at once.
const (
	lagTimeout  = 5 * time.Second  // of each request
	lagPatience = 20 * time.Second // of a collection
	lagAtOnce   = 2                // requests
	lagGroups   = 100              // groups in a request
)

// lagClient asks the brokers what lag is computed from. It connects by itself,
// also after close.
type lagClient struct {
	cfg      kafka.Config
	client   *kgo.Client // nil: not connected
	listed   map[string]string
	requests atomic.Int64
}

func (c *lagClient) connect() error {
	if c.client != nil {
		return nil
	}
	client, err := c.cfg.NewClient("belfry-lag", append(c.cfg.Inflated(),
		kgo.WithHooks(c),
		kgo.DisableClientMetrics(),
		kgo.AlwaysRetryEOF(), // a broker that stops looks like one with other TLS settings
		kgo.RequestTimeoutOverhead(lagTimeout),
		kgo.RetryTimeout(lagTimeout),
		kgo.RequestRetries(3),
		kgo.RetryBackoffFn(func(int) time.Duration { return lagRetry/2 + rand.N(lagRetry/2) }),
		// Leaders and topics are looked up by each collection.
		kgo.MetadataMinAge(10*time.Millisecond),
	)...)
	if err != nil {
		return err
	}
	c.client = client
	return nil
}

func (c *lagClient) close() {
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (c *lagClient) OnBrokerWrite(kgo.BrokerMetadata, int16, int, time.Duration, time.Duration, error) {
	c.requests.Add(1)
}

// read asks for everything but single records: the committed offsets before the
// ends, since the other way round a group could seem to be ahead.
func (c *lagClient) read(ctx context.Context, inputs map[string][]string, others func(string) bool) (*lagFacts, error) {
	if err := c.connect(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lagPatience)
	defer cancel()
	found := &lagFacts{groups: make(map[string]*groupFacts, len(inputs))}
	for name, topics := range inputs {
		found.groups[name] = &groupFacts{ours: true, topics: slices.Clone(topics)}
	}
	newKind, err := c.list(ctx, found, others)
	if err != nil {
		return nil, err
	}
	if err := c.describe(ctx, found, newKind); err != nil {
		return nil, err
	}
	if err := c.committed(ctx, found); err != nil {
		return nil, err
	}
	for name, g := range found.groups {
		if len(inputs[name]) == 0 {
			g.topics = slices.AppendSeq(g.topics, maps.Keys(g.committed))
		}
		slices.Sort(g.topics)
		g.topics = slices.Compact(g.topics)
	}
	return found, c.offsets(ctx, found)
}

// list adds the groups that others asks for, and returns the type of each group
// that the brokers know. A broker that is down takes no group with it: those
// that it had told of are asked for elsewhere.
func (c *lagClient) list(ctx context.Context, found *lagFacts, others func(string) bool) (types map[string]string, err error) {
	if others == nil {
		return nil, nil
	}
	types = map[string]string{}
	answered := 0
	for _, shard := range c.client.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if err = shard.Err; err == nil {
			resp := shard.Resp.(*kmsg.ListGroupsResponse)
			if err = kerr.ErrorForCode(resp.ErrorCode); err == nil {
				answered++
				for _, g := range resp.Groups {
					// Connect and schema registries have groups too.
					if g.ProtocolType == "consumer" || g.ProtocolType == "" {
						types[g.Group] = strings.ToLower(g.GroupType)
					}
				}
				continue
			}
		}
		found.skipped++
	}
	if answered == 0 {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	if found.skipped > 0 {
		maps.Copy(types, c.listed)
	}
	c.listed = types
	for name, kind := range types {
		if found.groups[name] == nil && kind != "share" && kind != "streams" && others(name) {
			found.groups[name] = &groupFacts{}
		}
	}
	return types, nil
}

// inChunks calls ask for some of the groups at a time.
func inChunks(ctx context.Context, names []string, ask func(context.Context, []string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lagAtOnce)
	slices.Sort(names)
	for chunk := range slices.Chunk(names, lagGroups) {
		g.Go(func() error { return ask(ctx, chunk) })
	}
	return g.Wait()
}

// describe finds state, members and the topics assigned to members.
func (c *lagClient) describe(ctx context.Context, found *lagFacts, types map[string]string) error {
	var classic, modern []string // KIP-848 has a request of its own
	for name := range found.groups {
		if types[name] == "consumer" {
			modern = append(modern, name)
		} else {
			classic = append(classic, name)
		}
	}
	var mu sync.Mutex
	keep := func(coordinator int32, name string, facts groupFacts, code int16) error {
		mu.Lock()
		defer mu.Unlock()
		g := found.groups[name]
		if g == nil {
			return nil
		}
		g.coordinator = coordinator
		switch err := kerr.ErrorForCode(code); {
		case err == nil:
			g.state, g.members, g.protocol = facts.state, facts.members, facts.protocol
			if len(g.topics) == 0 {
				g.topics = facts.topics
			}
		case errors.Is(err, kerr.GroupIDNotFound): // older brokers only say that it is dead
			g.state = "Dead"
		case g.ours:
			return fmt.Errorf("describe group %s: %w", name, err)
		default:
			found.skip(name)
		}
		return nil
	}
	err := inChunks(ctx, classic, func(ctx context.Context, names []string) error {
		r := kmsg.NewPtrDescribeGroupsRequest()
		r.Groups = names
		for _, shard := range c.client.RequestSharded(ctx, r) {
			if shard.Err != nil {
				return fmt.Errorf("describe groups: %w", shard.Err)
			}
			for _, g := range shard.Resp.(*kmsg.DescribeGroupsResponse).Groups {
				if err := keep(shard.Meta.NodeID, g.Group, classicFacts(&g), g.ErrorCode); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = inChunks(ctx, modern, func(ctx context.Context, names []string) error {
		r := kmsg.NewPtrConsumerGroupDescribeRequest()
		r.Groups = names
		for _, shard := range c.client.RequestSharded(ctx, r) {
			if shard.Err != nil {
				return fmt.Errorf("describe groups: %w", shard.Err)
			}
			for _, g := range shard.Resp.(*kmsg.ConsumerGroupDescribeResponse).Groups {
				if err := keep(shard.Meta.NodeID, g.Group, modernFacts(&g), g.ErrorCode); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name, g := range found.groups {
		if g.state == "" {
			return fmt.Errorf("describe group %s: the brokers left it out", name)
		}
	}
	return nil
}

// skip leaves out a group of others' that cannot be read.
func (f *lagFacts) skip(group string) {
	delete(f.groups, group)
	f.skipped++
}

func classicFacts(g *kmsg.DescribeGroupsResponseGroup) groupFacts {
	facts := groupFacts{state: g.State, protocol: g.Protocol}
	for _, m := range g.Members {
		member := lag.Member{ID: m.MemberID, ClientID: m.ClientID, Host: strings.TrimPrefix(m.ClientHost, "/")}
		var assigned kmsg.ConsumerMemberAssignment
		// A group that is no consumers' assigns in a way of its own.
		if g.ProtocolType == "consumer" && assigned.ReadFrom(m.MemberAssignment) == nil {
			for _, t := range assigned.Topics {
				member.Assign(t.Topic, len(t.Partitions))
				facts.topics = append(facts.topics, t.Topic)
			}
		}
		facts.members = append(facts.members, member)
	}
	return facts
}

func modernFacts(g *kmsg.ConsumerGroupDescribeResponseGroup) groupFacts {
	facts := groupFacts{state: g.State, protocol: g.AssignorName}
	for _, m := range g.Members {
		member := lag.Member{ID: m.MemberID, ClientID: m.ClientID, Host: strings.TrimPrefix(m.ClientHost, "/")}
		for _, t := range m.Assignment.TopicPartitions {
			member.Assign(t.Topic, len(t.Partitions))
			facts.topics = append(facts.topics, t.Topic)
		}
		facts.members = append(facts.members, member)
	}
	return facts
}

// committed finds the offsets of all groups: many groups in one request, where
// the brokers know that (version 8, Kafka 3.0).
func (c *lagClient) committed(ctx context.Context, found *lagFacts) error {
	var mu sync.Mutex
	return inChunks(ctx, slices.Collect(maps.Keys(found.groups)), func(ctx context.Context, names []string) error {
		r := kmsg.NewPtrOffsetFetchRequest()
		for _, name := range names {
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group = name
			r.Groups = append(r.Groups, g)
		}
		for _, shard := range c.client.RequestSharded(ctx, r) {
			if shard.Err != nil {
				return fmt.Errorf("read offsets of groups: %w", shard.Err)
			}
			for _, g := range shard.Resp.(*kmsg.OffsetFetchResponse).Groups {
				offsets, notes, err := commitsOf(&g)
				mu.Lock()
				switch facts := found.groups[g.Group]; {
				case facts == nil:
				case err == nil && notes && len(offsets) == 0 && !facts.ours:
					delete(found.groups, g.Group) // it reads nothing
				case err == nil:
					facts.committed = offsets
				case facts.ours:
					err = fmt.Errorf("read offsets of group %s: %w", g.Group, err)
				default:
					found.skip(g.Group)
					err = nil
				}
				mu.Unlock()
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// commitsOf returns where a group stands, and whether it has notes (kafka.IsNote),
// which stand for no position.
func commitsOf(g *kmsg.OffsetFetchResponseGroup) (out map[string][]commit, notes bool, err error) {
	err = kerr.ErrorForCode(g.ErrorCode)
	if errors.Is(err, kerr.GroupIDNotFound) { // Kafka says nothing, but others do
		return nil, false, nil
	}
	out = make(map[string][]commit, len(g.Topics))
	for _, t := range g.Topics {
		commits := make([]commit, 0, len(t.Partitions))
		for _, p := range t.Partitions {
			err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			if p.Offset < 0 {
				continue
			}
			at := commit{partition: p.Partition, offset: p.Offset}
			if p.Metadata != nil && kafka.IsNote(*p.Metadata) {
				notes = true
				continue
			}
			if p.Metadata != nil {
				at.epoch = kafka.ParseCommitMark(*p.Metadata).Epoch
			}
			commits = append(commits, at)
		}
		if len(commits) > 0 {
			out[t.Topic] = commits
		}
	}
	return out, notes, err
}
