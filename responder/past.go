package responder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
)

// clockMargin is how far the clock of whoever asks may be ahead of the brokers', which
// stamp the journal.
const clockMargin = 10 * time.Minute

// Journals is a [Past] that reads the journal itself. It is for what is rare: a request
// that is read again after later ones of its user were served.
type Journals struct {
	Config kafka.Config
	Prefix belfry.Prefix
	Topics *kafka.Topics

	reading sync.Mutex // one at a time: each holds what it has fetched
}

// readFrom is when the journal is read from for a request of that time, which its sender has
// chosen, in Unix milliseconds. A negative one would ask brokers for something else (KIP-79).
func readFrom(since, now time.Time) int64 {
	if since.After(now) {
		since = now
	}
	return max(since.Add(-clockMargin).UnixMilli(), 0)
}

var errFound = errors.New("found")

// First implements [Past].
func (j *Journals) First(ctx context.Context, user string, origin inbox.Origin, since time.Time, until inbox.Position) (found inbox.Record, offset int64, ok bool, err error) {
	j.reading.Lock()
	defer j.reading.Unlock()
	if err := ctx.Err(); err != nil {
		return found, 0, false, err
	}
	journal := j.Prefix.Journal()
	info, err := j.Topics.InfoOf(ctx, journal)
	if err != nil {
		return found, 0, false, err
	}
	partition := kafka.Partition(user, info.Partitions)
	starts, err := j.Topics.Admin.ListOffsetsAfterMilli(ctx, readFrom(since, time.Now()), journal)
	if err != nil {
		return found, 0, false, fmt.Errorf("look up where the journal was: %w", err)
	}
	start, known := starts.Lookup(journal, partition)
	if !known || start.Err != nil {
		return found, 0, false, fmt.Errorf("look up where the journal was: %w", start.Err)
	}
	err = table.ScanRange(ctx, j.Config, journal, partition, start.Offset, until.Offset+1, func(m *sarama.ConsumerMessage) error {
		if string(m.Key) != user {
			return nil
		}
		record, err := codec.DecodeJournal(m.Value)
		if err != nil || record.Origin != origin {
			return nil // another's, or one that is a dead letter by now
		}
		found, offset, ok = record, m.Offset, true
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return found, 0, false, fmt.Errorf("read the journal: %w", err)
	}
	return found, offset, ok, nil
}
