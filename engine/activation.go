package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/engine/kafka"
)

// activationWait bounds how long a member waits for another one to activate the
// group. It is shorter than the others of the group wait for it to rejoin.
const activationWait = kafka.RebalanceTimeout - 5*time.Second

// activationPoll is how often a waiting member looks.
const activationPoll = 100 * time.Millisecond

// activate resolves where a group begins in a topic in which it has committed
// nothing, once and for all partitions, and commits that before any record is
// read. A restart before the first ordinary commit therefore loses nothing, and
// a partition that comes later has no commit and is read from its oldest record.
//
// It is done by the member that has partition 0, within its generation; the
// others wait until the commit can be read. That makes it safe whoever starts,
// stops or stands still when:
//
//   - Two processes start at once. In every generation exactly one member has
//     partition 0. Every other member commits nothing.
//   - It dies before the commit. Nothing was committed, nobody has read a
//     record: the next generation's owner of partition 0 begins again.
//   - It dies after the commit. The next one finds the commit. The broker writes
//     the offsets of one request in one batch, so there is all or nothing.
//   - It is paused before the commit, others take over, and it wakes up. Its
//     generation is over, the broker refuses the commit (ILLEGAL_GENERATION or
//     UNKNOWN_MEMBER_ID), also if the group is empty by then. A commit from
//     outside of the group would be taken in that case, and would set the group
//     back, or ahead over records that nobody has processed.
//   - Its commit is accepted, but the next generation forms before the commit can
//     be read. Then that generation's owner of partition 0 commits a second time,
//     behind the first in the broker's log, so that the second is what holds.
//     Nobody has read a record under the first: its sender's session was over,
//     and whoever waited for it would have seen it.
func (g *group) activate(s sarama.ConsumerGroupSession, infos map[string]kafka.TopicInfo) error {
	if g.Start == nil {
		return nil
	}
	for _, topic := range g.inputs {
		claims := s.Claims()[topic]
		if len(claims) == 0 {
			continue
		}
		begun, err := g.activateTopic(s, topic, infos[topic], slices.Contains(claims, 0))
		if err != nil {
			return fmt.Errorf("activate %s in %s: %w", g.name, topic, err)
		}
		// The session asked for its offsets before there were any.
		for _, p := range claims {
			if at, ok := begun[p]; ok {
				s.MarkOffset(topic, p, at.offset, at.mark.String())
			}
		}
	}
	return nil
}

// activateTopic returns what is committed of the topic in the end.
func (g *group) activateTopic(s sarama.ConsumerGroupSession, topic string, info kafka.TopicInfo, mine bool) (map[int32]startOffset, error) {
	deadline := time.NewTimer(activationWait)
	defer deadline.Stop()
	tick := time.NewTicker(activationPoll)
	defer tick.Stop()
	for {
		begun, err := startedAt(s.Context(), g.topics, g.name, topic)
		if err != nil || len(begun) > 0 {
			return begun, err
		}
		if mine {
			return g.begin(s, topic, info)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return nil, errors.New("the member that has partition 0 has not done it")
		case <-s.Context().Done():
			return nil, s.Context().Err()
		}
	}
}

func (g *group) begin(s sarama.ConsumerGroupSession, topic string, info kafka.TopicInfo) (map[int32]startOffset, error) {
	start, err := g.Start(g.topics)
	if err != nil {
		return nil, err
	}
	offsets, err := startOffsets(s.Context(), g.topics, topic, info, start)
	if err != nil {
		return nil, err
	}
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation, request.MemberID = g.name, s.GenerationID(), s.MemberID()
	if g.instanceID != "" {
		request.InstanceID = &g.instanceID
	}
	commit := kmsg.NewOffsetCommitRequestTopic()
	commit.Topic, commit.TopicID = topic, info.ID
	for p, at := range offsets {
		one := kmsg.NewOffsetCommitRequestTopicPartition()
		one.Partition, one.Offset, one.Metadata = p, at.offset, kmsg.StringPtr(at.mark.String())
		commit.Partitions = append(commit.Partitions, one)
	}
	request.Topics = append(request.Topics, commit)
	if err := g.topics.CommitOnce(request); err != nil {
		return nil, err
	}
	g.log.Info("topic activated", "topic", topic, "partitions", len(offsets), "from", start.String())
	return offsets, nil
}

// startedAt returns what a group has committed in a topic; empty if nothing.
func startedAt(ctx context.Context, t *kafka.Topics, group, topic string) (map[int32]startOffset, error) {
	committed, err := t.Committed(ctx, group)
	if err != nil {
		return nil, err
	}
	out := map[int32]startOffset{}
	for p, c := range committed[topic] {
		if c.At >= 0 {
			out[p] = startOffset{c.At, kafka.ParseCommitMark(c.Metadata)}
		}
	}
	return out, nil
}

// String is one word or time for people.
func (s Start) String() string {
	at := "oldest"
	switch s.At {
	case AtEnd:
		at = "latest"
	case AtTime:
		at = s.Time.UTC().Format(time.RFC3339)
	}
	if s.Silent {
		at += ", what is there silently"
	}
	return at
}

// Activated reports whether a group has begun in a topic: has an offset of any
// of its partitions.
func Activated(t *kafka.Topics, group, topic string) (bool, error) {
	begun, err := startedAt(context.Background(), t, group, topic)
	return len(begun) > 0, err
}
