package engine

import (
	"context"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

// Start is where a group begins in a topic in which it has never committed
// anything. The zero Start is the oldest record of every partition.
type Start struct {
	At   StartAt
	Time time.Time // of AtTime
	// Silent says that the records that are there at the activation are told
	// apart for life: [Context.Silent] is true for them.
	Silent bool
}

// StartAt is a kind of place in a log.
type StartAt int

// The places. AtTime is the first record that is not older than a time, by the
// records' timestamps; the end if there is none. The end is the last stable
// offset: what a transaction holds back is yet to come.
const (
	AtOldest StartAt = iota
	AtEnd
	AtTime
)

// startOffset is where a group starts in a partition, to be committed.
type startOffset struct {
	offset int64
	mark   kafka.CommitMark
}

// startOffsets finds the start in every partition of a topic.
func startOffsets(ctx context.Context, t *kafka.Topics, topic string, info kafka.TopicInfo, start Start) (map[int32]startOffset, error) {
	logs, err := kafka.ListRanges(ctx, t.Client, topic, info.All()...)
	if err != nil {
		return nil, err
	}
	var found []int64
	if start.At == AtTime {
		if found, err = kafka.ListOffsets(ctx, t.Client, topic, start.Time.UnixMilli(), info.All()...); err != nil {
			return nil, err
		}
	}
	out := make(map[int32]startOffset, info.Partitions)
	before := map[int32]int64{} // the record before each start: by it, a log that was cut short is recognised
	for p, log := range logs {
		at := startOffset{offset: log.Start, mark: kafka.CommitMark{Epoch: info.ID.Epoch(), Time: kafka.NoTime}}
		switch {
		case start.At == AtTime && found[p] >= 0:
			at.offset = found[p]
		case start.At != AtOldest:
			at.offset = log.Stable
		}
		if start.Silent && at.offset < log.End {
			at.mark.Silent = log.End
		}
		if last := at.offset - 1; log.Start <= last && last < log.End {
			before[int32(p)] = last
		}
		out[int32(p)] = at
	}
	times, err := t.Timestamps(ctx, topic, before)
	if err != nil {
		return nil, err
	}
	for p, last := range times {
		at := out[p]
		at.mark.Time = last
		out[p] = at
	}
	return out, nil
}
