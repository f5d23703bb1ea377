package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Patiently repeats what a group's coordinator cannot do yet, as after a restart
// of its broker or before the first group of a cluster, for a time that is
// enough for either.
func Patiently(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, SettleTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do(ctx)
		if !errors.Is(err, kerr.CoordinatorLoadInProgress) && !errors.Is(err, kerr.CoordinatorNotAvailable) && !errors.Is(err, kerr.NotCoordinator) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// Committed returns what a group has committed: nothing of one that never was.
func (t *Topics) Committed(ctx context.Context, group string) (committed kadm.OffsetResponses, err error) {
	err = Patiently(ctx, func(ctx context.Context) error {
		if committed, err = t.Admin.FetchOffsets(ctx, group); err != nil {
			return err
		}
		return committed.Error()
	})
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	return committed, nil
}

// Positions asks the brokers where group stands in the claimed partitions.
func (t *Topics) Positions(ctx context.Context, group string, claims map[string][]int32, infos map[string]TopicInfo) (map[TopicPartition]*StartPosition, error) {
	committed, err := t.Committed(ctx, group)
	if err != nil {
		return nil, err
	}
	out := map[TopicPartition]*StartPosition{}
	for topic, partitions := range claims {
		ranges, err := ListRanges(ctx, t.Client, topic, partitions...)
		if err != nil {
			return nil, err
		}
		before := map[int32]int64{} // the record before each position
		for i, p := range partitions {
			at := &StartPosition{Committed: -1, Epoch: infos[topic].ID.Epoch(), Log: ranges[i], last: -1}
			if c, ok := committed.Lookup(topic, p); ok {
				at.Committed, at.Mark = c.At, ParseCommitMark(c.Metadata)
			}
			if last := at.Committed - 1; at.Log.Start <= last && last < at.Log.End && at.Mark.Epoch == at.Epoch {
				before[p] = last
			}
			out[TopicPartition{topic, p}] = at
		}
		times, err := t.Timestamps(ctx, topic, before)
		if err != nil {
			return nil, err
		}
		for p, last := range times {
			out[TopicPartition{topic, p}].last = last
		}
	}
	return out, nil
}

// CommitOnce commits offsets of a group by one request that is not repeated: a
// repetition could come after a later commit and set the group back. It does not
// end with a session, whose end would leave open whether it was done.
func (t *Topics) CommitOnce(request *kmsg.OffsetCommitRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*connectTimeout)
	defer cancel()
	var found kadm.FindCoordinatorResponses
	err := Patiently(ctx, func(ctx context.Context) error {
		found = t.Admin.FindGroupCoordinators(ctx, request.Group)
		return found.Error()
	})
	if err != nil {
		return fmt.Errorf("find the coordinator of %s: %w", request.Group, err)
	}
	answer, err := t.Client.Broker(int(found[request.Group].NodeID)).Request(ctx, request)
	if err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", request.Group, err)
	}
	for _, topic := range answer.(*kmsg.OffsetCommitResponse).Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit offset of group %s in %s/%d: %w", request.Group, topic.Topic, p.Partition, err)
			}
		}
	}
	return nil
}
