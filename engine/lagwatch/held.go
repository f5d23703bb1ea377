package lagwatch

import (
	"context"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

// held is a transaction that is open in a partition.
type held struct {
	from  int64     // where its records begin: the last stable offset
	since time.Time // when the first of them was written
}

// maxHeldLooks bounds how many transactions a collection looks at for the first
// time; the others count from when they were first seen.
const maxHeldLooks = 32

// findHeld finds out where a transaction is open, and since when.
func (l *Collector) findHeld(ctx context.Context, client *lagClient, found *lagFacts, at time.Time) {
	before := l.held
	l.held = map[string]map[int32]held{}
	looks := 0
	for name, topic := range found.topics {
		for i, p := range topic.partitions {
			if !p.known || p.stable >= p.end {
				continue
			}
			partition := int32(i)
			was, ok := before[name][partition]
			if !ok || was.from != p.stable {
				was = held{p.stable, at}
				if looks++; looks <= maxHeldLooks {
					written, err := kafka.WrittenAt(ctx, client.client, p.leader, name, topic.id, partition, p.stable)
					if err == nil && written.UnixMilli() > 0 && written.Before(at) {
						was.since = written
					}
				}
			}
			if l.held[name] == nil {
				l.held[name] = map[int32]held{}
			}
			l.held[name][partition] = was
		}
	}
}
