package replay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
)

// Letters reads the dead-letter topic. It joins no group. That a letter was
// replayed is said by a mark behind it in its partition, so whoever reads a
// letter also reads what is behind it. It holds in memory a bit
// for each record of a partition, and besides that some thousand letters without
// their contents. It is safe for concurrent use.
type Letters struct {
	cfg   kafka.Config
	topic string
}

// NewLetters returns a reader of the installation's dead letters.
func NewLetters(cfg kafka.Config, prefix belfry.Prefix) *Letters {
	return &Letters{cfg: cfg, topic: prefix.DeadLetters()}
}

// Letter returns one letter. The error matches deadletter.ErrNoLetter if there is
// none with that id.
func (l *Letters) Letter(ctx context.Context, id deadletter.ID) (deadletter.Letter, error) {
	none := fmt.Errorf("%w: none lies at %s of %s", deadletter.ErrNoLetter, id, l.topic)
	_, logs, err := kafka.LogRanges(ctx, l.cfg, l.topic)
	if err != nil {
		return deadletter.Letter{}, err
	}
	if id.Partition < 0 || int(id.Partition) >= len(logs) {
		return deadletter.Letter{}, none
	}
	log := logs[id.Partition]
	if id.Offset < log.Start || id.Offset >= log.Stable {
		return deadletter.Letter{}, none
	}
	var letter deadletter.Letter
	found := false
	err = l.scan(ctx, id.Partition, id.Offset, log.Stable, func(m *sarama.ConsumerMessage, offsets []int64) error {
		switch {
		case offsets != nil:
			letter.Replayed = letter.Replayed || slices.Contains(offsets, id.Offset)
		case m.Offset == id.Offset:
			letter, found = readLetter(m), true
		}
		return nil
	})
	if err == nil && !found {
		err = none
	}
	return letter, err
}

// Each calls visit with the letters that the filter means, contents included, of
// one partition after the other and there in order: those of one source
// partition come as they were set aside. A letter belongs to visit.
func (l *Letters) Each(ctx context.Context, f deadletter.Filter, visit func(*deadletter.Letter) error) error {
	_, logs, err := kafka.LogRanges(ctx, l.cfg, l.topic)
	if err != nil {
		return err
	}
	from, err := l.begins(ctx, logs, f.Since)
	if err != nil {
		return err
	}
	for p, log := range logs {
		if from[p] >= log.Stable {
			continue
		}
		marks, err := l.marks(ctx, int32(p), from[p], from[p], log.Stable)
		if err != nil {
			return err
		}
		err = l.scan(ctx, int32(p), from[p], log.Stable, func(m *sarama.ConsumerMessage, offsets []int64) error {
			if offsets != nil {
				return nil
			}
			letter := readLetter(m)
			letter.Replayed = marks.has(m.Offset)
			if !f.Match(&letter) {
				return nil
			}
			return visit(&letter)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// List returns a page of letters as [Letters.Newest] gives them, q.Limit of them
// at the most, or deadletter.MaxPage.
func (l *Letters) List(ctx context.Context, q deadletter.Query) (deadletter.Page, error) {
	q.Limit = min(max(q.Limit, 1), deadletter.MaxPage)
	var page deadletter.Page
	next, err := l.Newest(ctx, q, func(letter deadletter.Letter) error {
		page.Letters = append(page.Letters, letter)
		return nil
	})
	page.Next = next
	return page, err
}

// Newest calls visit with letters, without their contents and stacks and with
// long errors cut, the newest first: by when they were set aside over all
// partitions, and by offset within one. It ends after q.Limit of them, if that is
// not 0, and returns where those after them begin, nil if there are none.
func (l *Letters) Newest(ctx context.Context, q deadletter.Query, visit func(deadletter.Letter) error) (deadletter.Cursor, error) {
	_, logs, err := kafka.LogRanges(ctx, l.cfg, l.topic)
	if err != nil {
		return nil, err
	}
	if q.Before != nil && len(q.Before) != len(logs) {
		return nil, &belfry.FieldError{Field: "before", Problem: "is a cursor of another topic"}
	}
	from, err := l.begins(ctx, logs, q.Filter.Since)
	if err != nil {
		return nil, err
	}
	parts := make([]*backwards, len(logs))
	for p, log := range logs {
		parts[p] = &backwards{letters: l, filter: &q.Filter, partition: int32(p), from: from[p], end: log.Stable, last: log.Stable}
		if q.Before != nil {
			parts[p].last = min(q.Before[p], log.Stable)
		}
	}
	for n := 0; ; n++ {
		part, err := newest(ctx, parts)
		if err != nil || part == nil {
			return nil, err
		}
		if q.Limit > 0 && n == q.Limit {
			var next deadletter.Cursor
			for _, part := range parts {
				next = append(next, part.last)
			}
			return next, nil
		}
		if err := visit(part.take()); err != nil {
			return nil, err
		}
	}
}

// newest returns the part that has the newest letter, nil if none is left.
func newest(ctx context.Context, parts []*backwards) (*backwards, error) {
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, part := range parts {
		if len(part.found) == 0 {
			g.Go(func() error { return part.fill(reading) })
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var best *backwards
	for _, part := range parts {
		if len(part.found) > 0 && (best == nil || part.found[0].DeadAt.After(best.found[0].DeadAt)) {
			best = part
		}
	}
	return best, nil
}

// begins are the offsets before which all letters were set aside before since.
func (l *Letters) begins(ctx context.Context, logs []kafka.LogRange, since time.Time) ([]int64, error) {
	from := make([]int64, len(logs))
	if !since.IsZero() {
		at, err := kafka.OffsetsAt(ctx, l.cfg, l.topic, since)
		if err != nil {
			return nil, err
		}
		copy(from, at)
	}
	for p := range from {
		from[p] = max(from[p], logs[p].Start)
	}
	return from, nil
}

// marks are the offsets from base on whose letters were replayed, as said from one offset
// up to end.
func (l *Letters) marks(ctx context.Context, partition int32, base, from, end int64) (*offsetSet, error) {
	marks := &offsetSet{base: base}
	if from >= end {
		return marks, nil
	}
	err := l.scan(ctx, partition, from, end, func(_ *sarama.ConsumerMessage, offsets []int64) error {
		marks.add(offsets)
		return nil
	})
	return marks, err
}

// scan reads a part of a partition; offsets are those of letters before it that
// a mark names, and nil for a letter.
func (l *Letters) scan(ctx context.Context, partition int32, from, end int64, visit func(m *sarama.ConsumerMessage, offsets []int64) error) error {
	return table.ScanRange(ctx, l.cfg, l.topic, partition, from, end, func(m *sarama.ConsumerMessage) error {
		offsets, _ := deadletter.ParseReplayedMark(kafka.Headers(m))
		return visit(m, slices.DeleteFunc(offsets, func(o int64) bool { return o >= m.Offset }))
	})
}

// readLetter makes a letter of a record, also of one that somebody else wrote: it
// must not keep anybody from the letters behind it.
func readLetter(m *sarama.ConsumerMessage) deadletter.Letter {
	all := kafka.Headers(m)
	letter := deadletter.Letter{ID: deadletter.ID{Partition: m.Partition, Offset: m.Offset}, Key: m.Key, Value: m.Value}
	why, own, err := deadletter.ParseEnvelope(all)
	if err != nil {
		why = deadletter.Envelope{Reason: deadletter.ReasonForeign, Error: err.Error(), Timestamp: m.Timestamp, DeadAt: m.Timestamp}
		own = len(all)
	}
	letter.Envelope, letter.Headers = why, all[:own:own]
	return letter
}
