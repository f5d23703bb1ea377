package views

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// DefaultRefoldSteps is how many steps a refold holds at most, if not told
// otherwise.
const DefaultRefoldSteps = 1000

// Journals reads users' journals and folds them again. It joins no group and
// changes nothing. Set its fields before use; then it is safe for concurrent
// use.
type Journals struct {
	Config kafka.Config
	Prefix belfry.Prefix
	Cap    int // of the fold; 0 for inbox.DefaultCap
	// Members is that of the fold ([inbox.Input]), and BroadcastCap how many live notices a
	// board keeps; 0 for board.DefaultLimit.
	Members, BroadcastCap int
	// Board reads the board of a partition as the table has it, nil for none. Without one
	// nothing is told of notices, and versions of a user without a row are counted from 0.
	Board func(partition int32) (*board.Board, error)
	// Progress, if not nil, is called now and then with how many records of
	// the partition have been read, and of how many.
	Progress func(read, total int64)
}

// progressEvery is after how many records of a partition Progress is called.
const progressEvery = 1000

// Refold reads the user's partition of the journal from its oldest record to
// the end that it has now, and folds the user's records and those of the partition's notice
// board. Row is the user's row as it is stored, read before. A journal that
// was deleted and created again since is no error: its records count from the
// row on.
func (r *Journals) Refold(ctx context.Context, user string, row inbox.State, q inbox.RefoldQuery) (*inbox.Refold, error) {
	q.Most = cmp.Or(max(q.Most, 0), DefaultRefoldSteps)
	journal := r.Prefix.Journal()
	info, logs, err := kafka.LogRanges(ctx, r.Config, journal)
	if err != nil {
		return nil, fmt.Errorf("refold journal: %w", err)
	}
	partition := kafka.Partition(user, info.Partitions)
	log := logs[partition]
	var on *board.Board
	if r.Board != nil {
		if on, err = r.Board(partition); err != nil {
			return nil, fmt.Errorf("refold journal: %w", err)
		}
	}
	end := log.Stable
	if on != nil && on.State.Epoch == info.ID.Epoch() {
		// The board may know of records that came since the log's end was asked for.
		end = max(end, int64(on.State.Version-on.State.Base))
	}
	refolder := board.NewRefolder(row, on, info.ID.Epoch(), log.Start, r.Cap)
	refolder.Texts, refolder.Members, refolder.Limit = q.Texts, r.Members, r.BroadcastCap
	out := &inbox.Refold{
		User: user, Partition: partition, Epoch: info.ID.Epoch(), Oldest: log.Start, End: end,
		From: refolder.From(), Complete: refolder.Complete(), Steps: []inbox.Step{},
	}
	own := belfry.PartitionKey(partition)
	err = table.ScanRange(ctx, r.Config, journal, partition, log.Start, end, func(m *sarama.ConsumerMessage) error {
		if done := m.Offset - log.Start + 1; r.Progress != nil && (done%progressEvery == 0 || m.Offset+1 == end) {
			r.Progress(done, end-log.Start)
		}
		switch string(m.Key) {
		case user:
			out.Records++
			out.Steps = append(out.Steps, refoldStep(refolder, m))
		case own:
			record, err := codec.DecodeRecord(m.Value)
			if err != nil {
				return nil // a dead letter, and no matter of the user's
			}
			step, told := refolder.Notice(m.Offset, m.Timestamp, record)
			if !told {
				return nil
			}
			out.Notices++
			out.Steps = append(out.Steps, step)
		default:
			return nil
		}
		if len(out.Steps) >= 2*q.Most { // not at each one, which would move the rest each time
			out.Keep(q.Since, q.Most)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("refold journal: %w", err)
	}
	out.Keep(q.Since, q.Most)
	out.Result = refolder.Result(time.Now())
	return out, nil
}

func refoldStep(r *board.Refolder, m *sarama.ConsumerMessage) inbox.Step {
	if len(m.Value) == 0 {
		return r.Undecodable(m.Offset, m.Timestamp, belfry.ErrEmpty)
	}
	record, err := codec.DecodeRecord(m.Value)
	if err != nil {
		return r.Undecodable(m.Offset, m.Timestamp, err)
	}
	return r.Step(m.Offset, m.Timestamp, record)
}
