package replay

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
)

// A batch of replayed letters is written, and then marked, when it has that many
// letters or records, or when the letters' contents are so large.
const (
	batchLetters = 256
	batchRecords = 4096
	batchBytes   = 4 << 20
)

// batch writes what letters lead to and marks them after that.
type batch struct {
	replay *Replayer
	apply  bool
	told   func(deadletter.ReplayOutcome) error

	outcomes []deadletter.ReplayOutcome
	records  []*kgo.Record
	bytes    int
	offsets  map[int32][]int64 // to be marked, by partition
}

func (b *batch) add(ctx context.Context, l *deadletter.Letter, again bool) error {
	outcome, records := b.replay.plan(ctx, l, again)
	if !b.apply {
		return b.told(outcome)
	}
	b.outcomes = append(b.outcomes, outcome)
	b.records = append(b.records, records...)
	b.bytes += len(l.Value)
	if outcome.Result == deadletter.ReplayDone || outcome.Result == deadletter.ReplayNobody {
		if b.offsets == nil {
			b.offsets = map[int32][]int64{}
		}
		b.offsets[l.ID.Partition] = append(b.offsets[l.ID.Partition], l.ID.Offset)
	}
	if len(b.outcomes) < batchLetters && len(b.records) < batchRecords && b.bytes < batchBytes {
		return nil
	}
	return b.flush(ctx)
}

// flush writes records, then marks. Between the two nothing is known of the
// replay but what the records themselves say by their ids.
func (b *batch) flush(ctx context.Context) error {
	if err := b.replay.out.Write(ctx, b.records...); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	for partition, offsets := range b.offsets {
		mark := &kgo.Record{Partition: partition, Topic: b.replay.Prefix.DeadLetters(), Headers: kafka.RecordHeaders(deadletter.ReplayedMark(offsets...))}
		if err := b.replay.out.Write(ctx, mark); err != nil {
			return fmt.Errorf("mark what was replayed: %w", err)
		}
	}
	outcomes := b.outcomes
	b.outcomes, b.records, b.bytes, b.offsets = nil, nil, 0, nil
	for _, o := range outcomes {
		if err := b.told(o); err != nil {
			return err
		}
	}
	return nil
}
