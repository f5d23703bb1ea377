package engine

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

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
// records' timestamps; the end if there is none.
const (
	AtOldest StartAt = iota
	AtEnd
	AtTime
)

// placed is an offset to commit for a partition.
type placed struct {
	offset int64
	mark   kafka.CommitMark
}

// placeStart finds the start in every partition of a topic.
func placeStart(t *kafka.Topics, topic string, info kafka.TopicInfo, start Start) (map[int32]placed, error) {
	out := make(map[int32]placed, info.Partitions)
	for p := range int32(info.Partitions) {
		oldest, err := t.Client.GetOffset(topic, p, sarama.OffsetOldest)
		if err != nil {
			return nil, fmt.Errorf("find the begin of %s/%d: %w", topic, p, err)
		}
		end, err := t.Client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return nil, fmt.Errorf("find the end of %s/%d: %w", topic, p, err)
		}
		at := placed{offset: oldest, mark: kafka.CommitMark{Epoch: info.ID.Epoch(), Time: kafka.NoTime}}
		switch start.At {
		case AtEnd:
			at.offset = end
		case AtTime:
			found, err := t.Client.GetOffset(topic, p, start.Time.UnixMilli())
			if err != nil {
				return nil, fmt.Errorf("find %s in %s/%d: %w", start.Time.UTC().Format(time.RFC3339), topic, p, err)
			}
			if at.offset = found; found < 0 {
				at.offset = end
			}
		}
		if start.Silent && at.offset < end {
			at.mark.Silent = end
		}
		// By the record before it, a log that was cut short is recognised.
		if before := at.offset - 1; oldest <= before && before < end {
			last, err := t.Timestamp(topic, p, before)
			if err != nil {
				return nil, fmt.Errorf("read %s/%d at %d: %w", topic, p, before, err)
			}
			if last >= 0 {
				at.mark.Time = last
			}
		}
		out[p] = at
	}
	return out, nil
}
