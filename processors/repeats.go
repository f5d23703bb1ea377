package processors

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

const (
	// repeatsEvery is the time between two comparisons: each is a question to Kafka.
	repeatsEvery = time.Second
	// repeatsQueued is how many wait for theirs; what comes beyond is not compared.
	repeatsQueued = 16
)

// These say what is known of a notification that is dropped since its recipient has had
// its id, for metrics.
const (
	contentOther   = "other"
	contentSame    = "same"
	contentUnknown = "unknown"
)

// JournalRecord reads the value of one record of the journal.
type JournalRecord func(ctx context.Context, partition int32, offset int64) ([]byte, error)

// Repeats compares what is dropped for its id with the notification that had the id
// before. A row holds no content; the journal has it for as long as it is retained, at
// the offset that the item's seq says. It is safe for concurrent use.
type Repeats struct {
	read  JournalRecord
	queue chan repeated
}

// repeated is one to compare.
type repeated struct {
	dropped
	value []byte // of its record
	first int64  // offset of the one before
}

// dropped is what is told of one that is dropped.
type dropped struct {
	rule, source string
	partition    int32
	offset       int64
}

// NewRepeats returns Repeats that have read for the records of before. It compares
// nothing before [Repeats.Run] runs.
func NewRepeats(read JournalRecord) *Repeats {
	return &Repeats{read: read, queue: make(chan repeated, repeatsQueued)}
}

// offer reports whether one will be compared; r may be nil.
func (r *Repeats) offer(one repeated) bool {
	if r == nil || one.first < 0 {
		return false
	}
	select {
	case r.queue <- one:
		return true
	default:
		return false
	}
}

// Run compares, one a second, and counts and tells what it finds as d has it, until ctx
// ends. Comparisons that wait then count as unknown.
func (r *Repeats) Run(ctx context.Context, d *Deps) error {
	pause := time.NewTicker(repeatsEvery)
	defer pause.Stop()
	for {
		select {
		case one := <-r.queue:
			d.tellRepeat(one.dropped, r.compare(ctx, &one))
		case <-ctx.Done():
			for {
				select {
				case one := <-r.queue:
					d.tellRepeat(one.dropped, contentUnknown)
				default:
					return nil
				}
			}
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// compare reads the record of before. It is unknown what that said if it is not
// retained any more, or Kafka does not answer in time.
func (r *Repeats) compare(ctx context.Context, one *repeated) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	value, err := r.read(ctx, one.partition, one.first)
	if err != nil {
		return contentUnknown
	}
	was, err := codec.DecodeRecord(value)
	is, err2 := codec.DecodeRecord(one.value)
	switch {
	case err != nil || err2 != nil || was.Kind != inbox.KindNotify:
		return contentUnknown
	case sameContent(&was.Notification, &is.Notification):
		return contentSame
	}
	return contentOther
}

// sameContent compares what people are shown and what programs are given.
func sameContent(a, b *belfry.Notification) bool {
	return a.ID == b.ID && a.Source == b.Source && a.Type == b.Type && a.Category == b.Category && a.Priority == b.Priority &&
		maps.Equal(a.Title, b.Title) && maps.Equal(a.Body, b.Body) && a.URL == b.URL && a.Actor == b.Actor &&
		a.CollapseKey == b.CollapseKey && bytes.Equal(a.Data, b.Data)
}

// firstOffset is where the journal has the item of row with that identity, -1 if
// nothing is known of it or it is of another journal.
func firstOffset(row *inbox.State, hash uint64) int64 {
	seq := uint64(0)
	for i := range row.Items {
		if row.Items[i].Hash == hash {
			seq = row.Items[i].Seq
		}
	}
	for i := range row.Removals {
		if row.Removals[i].Hash == hash && seq == 0 {
			seq = row.Removals[i].Seq
		}
	}
	if seq <= row.Base {
		return -1
	}
	return int64(seq - row.Base - 1)
}

// tellRepeat counts and tells what is dropped because its recipient has had its id.
// A producer that sends twice is no fault; an id that several events share is one,
// and would lose all but the first in silence.
func (d *Deps) tellRepeat(one dropped, content string) {
	d.Metrics.repeated.WithLabelValues(one.rule, content).Inc()
	log, more := d.sometimes("repeated", one.rule, content)
	if log == nil {
		return
	}
	attributes := []any{"rule", one.rule, "source", one.source, "partition", one.partition, "offset", one.offset, "more", more}
	switch content {
	case contentOther:
		log.Warn("notification is dropped, its recipient had another one of the same id; an event of its own needs an id of its own, by id: in the rule or by its sender", attributes...)
	case contentSame:
		log.Info("notification is dropped, its recipient had the same one from another record: it was sent twice", attributes...)
	default:
		log.Info("notification is dropped, its recipient had one of the same id from another record; if it is another event it needs an id of its own, by id: in the rule or by its sender", attributes...)
	}
}
