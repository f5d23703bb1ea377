package engine

import (
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

// stalls remembers since when which partition of a session has stood where it
// stands, although there was something to process.
type stalls map[kafka.TopicPartition]stall

type stall struct {
	position int64
	since    time.Time
}

// find returns a partition that has stood still for stallAfter.
func (m stalls) find(s *session, topics *kafka.Topics, now time.Time) (kafka.TopicPartition, bool) {
	for claim, t := range s.trackers {
		position := t.position()
		if s.refused[claim] || position < 0 || t.isWaiting() {
			continue
		}
		if m.stands(claim, position, now) {
			// The rest may be no record: markers of transactions, say.
			if waiting, err := topics.HasRecord(s.Context(), claim.Topic, claim.Partition, position); err == nil && waiting {
				return claim, true
			}
			delete(m, claim)
		}
	}
	return kafka.TopicPartition{}, false
}

// stands reports whether the partition has been at position for stallAfter.
func (m stalls) stands(claim kafka.TopicPartition, position int64, now time.Time) bool {
	was, ok := m[claim]
	if !ok || was.position != position {
		m[claim] = stall{position, now}
		return false
	}
	return now.Sub(was.since) >= stallAfter
}
