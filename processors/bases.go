package processors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

// base is what the rows of a partition count from in the session's epoch, and the board
// that they take notices from. The fold alone changes it.
type base struct {
	partition *engine.Partition
	epoch     uint32
	counts    bool // all rows of the epoch count from the board's base; else each has its own
	board     atomic.Pointer[board.Board]
	lack      string // why nothing is announced in the partition; "": nothing is in the way
}

// check notes that a row of the epoch has another base, which a release wrote that had
// one for each row.
func (b *base) check(row *inbox.State) {
	if b.counts && !b.board.Load().Fits(row) {
		b.lacks(unevenBases)
	}
}

// lacks has nothing announced in the partition from now on, and its state say why.
func (b *base) lacks(why string) {
	b.lack = why
	b.partition.Lacks(why)
}

const unevenBases = "its rows of this journal count from different bases, as earlier releases wrote them: nothing can be announced to everybody in it; until the next journal each row keeps its own"

// apply folds a record into the row of its user.
func (b *base) apply(row *inbox.State, r *inbox.Record, in inbox.Input) inbox.Effects {
	own := b.board.Load()
	if b.counts {
		return own.Apply(row, r, in)
	}
	if own != nil {
		in.Keep = own.Keep // rows may have notices of an earlier journal
	}
	return row.Apply(r, in)
}

// show returns a stored row as its user sees it: with all notices that have come.
func (b *base) show(row inbox.State) inbox.State {
	if own := b.board.Load(); b.counts && own.Keep > 0 {
		return own.Show(row)
	}
	return row
}

// announces reports whether there are notices in the lists that rows may not have taken
// in yet.
func (b *base) announces() bool { return b.counts && b.board.Load().Newest() > 0 }

// next is when the user of a stored row is to be told of something, see [nextTell].
func (b *base) next(user string, row inbox.State, policy *reach.Policy, now time.Time) timers.Next {
	row = b.show(row)
	return nextTell(user, &row, policy, now)
}

// bases are those of the partitions of the session, by number.
type bases struct{ all sync.Map }

// of returns the base of a partition whose session began: one with which each row has a
// base of its own, where no session did.
func (b *bases) of(partition int32) *base {
	if found, ok := b.all.Load(partition); ok {
		return found.(*base)
	}
	return &base{}
}

// begin finds the base of a partition. The partition's own row, its board, holds it,
// acknowledged before the first record is folded, so that every later owner takes the same.
func (u *Unread) begin(ctx context.Context, p *engine.Partition) error {
	epoch, key := u.epoch.Load(), belfry.PartitionKey(p.Number)
	found := &base{partition: p, epoch: epoch}
	stored, err := p.Get(key)
	if err != nil {
		return err
	}
	own, err := decodeBoard(key, stored)
	if err != nil {
		return err
	}
	found.board.Store(own)
	defer u.bases.all.Store(p.Number, found)
	if own.State.Epoch == epoch {
		found.counts = true
		return nil
	}
	version, lack, err := survey(ctx, p, epoch)
	if err != nil {
		return err
	}
	if lack != "" {
		found.lacks(lack)
		return nil
	}
	own = own.Begin(epoch, version)
	found.counts = true
	found.board.Store(own)
	row, err := codec.EncodeBoard(&own.Row)
	if err != nil {
		return fmt.Errorf("encode row %s: %w", key, err)
	}
	if u.Rows != nil {
		u.Rows.Accepted(key)
	}
	return p.Set(ctx, key, row)
}

// decodeBoard returns the board of a partition's own row, which may be nil.
func decodeBoard(key string, stored []byte) (*board.Board, error) {
	if stored == nil {
		return board.New(board.Row{}), nil
	}
	row, err := codec.DecodeBoard(stored)
	if err != nil {
		return nil, fmt.Errorf("decode row %s: %w", key, err)
	}
	return board.New(row), nil
}

// survey looks at all rows of a partition, and returns the base that they share or what
// is in the way of one.
func survey(ctx context.Context, p *engine.Partition, epoch uint32) (version uint64, lack string, err error) {
	rows := inbox.Bases{Epoch: epoch}
	err = p.Each(ctx, func(_, value []byte) error {
		of, base, version, err := codec.RowPlace(value)
		if err != nil {
			// The next record of its user tells more.
			lack = fmt.Sprintf("a row cannot be read (%v), so that the base of its partition is not known: nothing can be announced to everybody in it", err)
			return nil
		}
		rows.Add(of, base, version)
		return nil
	})
	if err != nil || lack != "" {
		return 0, lack, err
	}
	version, even := rows.Base()
	if !even {
		return 0, unevenBases, nil
	}
	return version, "", nil
}
