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
	busy     bool // there was something to process at since
}

// find returns a partition that has stood still for stallAfter with something to process.
func (m stalls) find(s *session, topics *kafka.Topics, now time.Time) (kafka.TopicPartition, bool) {
	for claim, t := range s.trackers {
		position := t.position()
		if s.refused[claim] || position < 0 || t.isWaiting() {
			continue
		}
		// The rest may be no record: markers of transactions, say.
		if m.stands(claim, position, now, func() bool {
			has, err := topics.HasRecord(s.Context(), claim.Topic, claim.Partition, position)
			return err == nil && has
		}) {
			return claim, true
		}
	}
	return kafka.TopicPartition{}, false
}

// stands reports whether the partition has been at position for stallAfter with a record
// there all the while. A partition that was idle has a minute from when a record is seen:
// that may have come a moment ago.
func (m stalls) stands(claim kafka.TopicPartition, position int64, now time.Time, hasRecord func() bool) bool {
	was, ok := m[claim]
	switch {
	case !ok || was.position != position:
		m[claim] = stall{position, now, false}
	case now.Sub(was.since) < stallAfter:
	case !hasRecord():
		delete(m, claim)
	case was.busy:
		return true
	default:
		m[claim] = stall{position, now, true}
	}
	return false
}
