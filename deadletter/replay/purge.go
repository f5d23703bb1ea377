package replay

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
)

// Purged counts letters that are deleted, or would be.
type Purged struct {
	Letters int64 `json:"letters"`
	Pending int64 `json:"pending"` // those of them that were never replayed
}

// Purge deletes the letters that were set aside before that time, or only counts
// them if apply is false. Of a partition whose writers' clocks differ some may
// stay: nothing that is younger is ever deleted.
func (l *Letters) Purge(ctx context.Context, before time.Time, apply bool) (Purged, error) {
	var purged Purged
	_, logs, err := kafka.LogRanges(ctx, l.cfg, l.topic)
	if err != nil {
		return purged, err
	}
	until, err := kafka.OffsetsAt(ctx, l.cfg, l.topic, before)
	if err != nil {
		return purged, err
	}
	for p, log := range logs {
		// Letters that came since the log ranges were asked for are nobody's to count.
		until[p] = min(max(until[p], log.Start), log.Stable)
		if until[p] == log.Start {
			continue
		}
		marks, err := l.marks(ctx, int32(p), log.Start, log.Start, log.Stable)
		if err != nil {
			return purged, err
		}
		err = l.scan(ctx, int32(p), log.Start, until[p], func(m *sarama.ConsumerMessage, offsets []int64) error {
			switch {
			case offsets != nil:
			case marks.has(m.Offset):
				purged.Letters++
			default:
				purged.Letters++
				purged.Pending++
			}
			return nil
		})
		if err != nil {
			return purged, err
		}
	}
	if !apply {
		return purged, nil
	}
	return purged, kafka.DeleteBefore(ctx, l.cfg, l.topic, until)
}
