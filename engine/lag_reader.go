package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
)

// lagTimeout bounds each request and each connecting. sarama knows no contexts.
const lagTimeout = 5 * time.Second

// lagReader asks the brokers what lag is computed from. After an error it must
// be closed; it connects again by itself.
type lagReader struct {
	cfg    Config
	topics *Topics // nil: not connected
}

// lagFacts is what the brokers said in one collection.
type lagFacts struct {
	groups map[string]groupFacts
	topics map[string]topicFacts // those that exist
}

type groupFacts struct {
	state     string
	members   []belfry.LagMember
	committed map[string]map[int32]int64 // by topic and partition; absent: none
	topics    []string                   // to show, each once; they may not exist
}

type topicFacts struct {
	id      TopicID
	offsets map[int32]offsets // by partition
}

type offsets struct{ oldest, end int64 }

func (r *lagReader) connect() error {
	if r.topics != nil {
		return nil
	}
	sc, err := r.cfg.sarama()
	if err != nil {
		return err
	}
	sc.Net.DialTimeout, sc.Net.ReadTimeout, sc.Net.WriteTimeout = lagTimeout, lagTimeout, lagTimeout
	sc.Metadata.RefreshFrequency = 0 // each read looks its topics up
	sc.Metadata.Timeout = lagTimeout
	sc.Metadata.Retry.Max = 2
	sc.Admin.Retry.Max = 1
	sc.Admin.Timeout = lagTimeout
	r.topics, err = openTopics(r.cfg.Brokers, sc)
	return err
}

func (r *lagReader) close() {
	if r.topics != nil {
		// Nothing was written: there is nothing an error could tell.
		_ = r.topics.Close()
		r.topics = nil
	}
}

// read asks for everything, the committed offsets before the ends: the other
// way round a group could seem to be ahead.
func (r *lagReader) read(ctx context.Context, groups []string, inputs map[string][]string) (*lagFacts, error) {
	if err := r.connect(); err != nil {
		return nil, err
	}
	found := &lagFacts{groups: make(map[string]groupFacts, len(groups))}
	described, err := r.describe(groups)
	if err != nil {
		return nil, err
	}
	shown := map[string]bool{}
	for _, name := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		g := described[name]
		if g.committed, err = r.committed(name); err != nil {
			return nil, err
		}
		if declared, ok := inputs[name]; ok {
			g.topics = slices.Clone(declared)
		} else {
			g.topics = slices.Concat(g.topics, slices.Collect(maps.Keys(g.committed)))
		}
		slices.Sort(g.topics)
		g.topics = slices.Compact(g.topics)
		for _, topic := range g.topics {
			shown[topic] = true
		}
		found.groups[name] = g
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found.topics, err = r.offsets(ctx, slices.Sorted(maps.Keys(shown)))
	return found, err
}

// describe returns state, members and the topics assigned to members.
func (r *lagReader) describe(groups []string) (map[string]groupFacts, error) {
	descriptions, err := r.topics.admin.DescribeConsumerGroups(groups)
	if err != nil {
		return nil, fmt.Errorf("describe groups: %w", err)
	}
	out := make(map[string]groupFacts, len(groups))
	for _, d := range descriptions {
		g := groupFacts{state: d.State}
		switch d.Err {
		case sarama.ErrNoError:
		case sarama.ErrGroupIDNotFound: // older brokers only say that it is dead
			g.state = "Dead"
		default:
			return nil, fmt.Errorf("describe group %s: %w", d.GroupId, d.Err)
		}
		for _, m := range d.Members {
			member := belfry.LagMember{ID: m.MemberId, ClientID: m.ClientId, Host: strings.TrimPrefix(m.ClientHost, "/")}
			// A group that is no consumers' (Connect, say) assigns in a way of its own.
			if a, err := m.GetMemberAssignment(); err == nil && a != nil {
				for topic, partitions := range a.Topics {
					member.Partitions += len(partitions)
					g.topics = append(g.topics, topic)
				}
			}
			g.members = append(g.members, member)
		}
		out[d.GroupId] = g
	}
	for _, name := range groups {
		if _, ok := out[name]; !ok {
			return nil, fmt.Errorf("describe group %s: %w", name, sarama.ErrIncompleteResponse)
		}
	}
	return out, nil
}

func (r *lagReader) committed(group string) (map[string]map[int32]int64, error) {
	response, err := r.topics.admin.ListConsumerGroupOffsets(group, nil)
	switch {
	case errors.Is(err, sarama.ErrGroupIDNotFound): // Kafka says nothing, but others do
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	blocks := response.Blocks
	if len(response.Groups) > 0 { // from version 8 of the response on
		blocks = response.Groups[0].Blocks
	}
	out := make(map[string]map[int32]int64, len(blocks))
	for topic, partitions := range blocks {
		for partition, b := range partitions {
			if b.Err != sarama.ErrNoError {
				return nil, fmt.Errorf("read offset of group %s in %s/%d: %w", group, topic, partition, b.Err)
			}
			if b.Offset < 0 {
				continue
			}
			if out[topic] == nil {
				out[topic] = make(map[int32]int64, len(partitions))
			}
			out[topic][partition] = b.Offset
		}
	}
	return out, nil
}

// offsets leaves out topics that do not exist. It asks each broker twice,
// whatever the number of partitions.
func (r *lagReader) offsets(ctx context.Context, names []string) (map[string]topicFacts, error) {
	if len(names) == 0 {
		return nil, nil // asked for no topic, brokers tell of all
	}
	infos, err := r.topics.lookup(names)
	if err != nil || len(infos) == 0 {
		return nil, err
	}
	if err := r.topics.client.RefreshMetadata(slices.Collect(maps.Keys(infos))...); err != nil {
		return nil, fmt.Errorf("look up leaders: %w", err)
	}
	var bounds [2]map[string]map[int32]*sarama.OffsetResult
	for i, which := range []int64{sarama.OffsetOldest, sarama.OffsetNewest} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if bounds[i], err = r.list(infos, which); err != nil {
			return nil, err
		}
	}
	out := make(map[string]topicFacts, len(infos))
	for name, info := range infos {
		facts := topicFacts{info.ID, make(map[int32]offsets, info.Partitions)}
		for p := range int32(info.Partitions) {
			facts.offsets[p] = offsets{bounds[0][name][p].Offset, bounds[1][name][p].Offset}
		}
		out[name] = facts
	}
	return out, nil
}

// list returns the oldest or the newest offset of every partition.
func (r *lagReader) list(infos map[string]TopicInfo, which int64) (map[string]map[int32]*sarama.OffsetResult, error) {
	query := make(map[string]map[int32]int64, len(infos))
	for name, info := range infos {
		query[name] = make(map[int32]int64, info.Partitions)
		for p := range int32(info.Partitions) {
			query[name][p] = which
		}
	}
	results, err := r.topics.admin.ListOffsets(query, nil)
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	for name, partitions := range query {
		for p := range partitions {
			result := results[name][p]
			if result == nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", name, p, sarama.ErrIncompleteResponse)
			}
			// sarama's "no error" is not nil.
			if result.Err != nil && !errors.Is(result.Err, sarama.ErrNoError) {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", name, p, result.Err)
			}
		}
	}
	return results, nil
}
