package processors

import (
	"context"
	"fmt"
	"sync"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
)

// base is what the rows of a partition count from in the session's epoch.
type base struct {
	partition *engine.Partition
	epoch     uint32
	version   uint64
	even      bool // all rows of the epoch have it
}

// check notes that a row of the epoch has another base, which a release wrote that had
// one for each row.
func (b *base) check(row *inbox.State) {
	if b.even && row.Version > 0 && row.Epoch == b.epoch && row.Base != b.version {
		b.partition.Lacks(unevenBases)
	}
}

const unevenBases = "its rows of this journal count from different bases, as earlier releases wrote them: nothing can be announced to everybody in it; until the next journal each row keeps its own"

// bases are those of the partitions of the session, by number.
type bases struct{ all sync.Map }

// of returns the base of a partition whose session began: the zero one, with which
// each row has a base of its own, where no session did.
func (b *bases) of(partition int32) *base {
	if found, ok := b.all.Load(partition); ok {
		return found.(*base)
	}
	return &base{}
}

// begin finds the base of a partition. The partition's own row holds it, acknowledged
// before the first record is folded, so that every later owner takes the same.
func (u *Unread) begin(ctx context.Context, p *engine.Partition) error {
	epoch, key := u.epoch.Load(), belfry.PartitionKey(p.Number)
	found := &base{partition: p, epoch: epoch}
	own, err := ownRow(p, key)
	if err != nil {
		return err
	}
	if own.Epoch == epoch {
		found.version, found.even = own.Base, true
		u.bases.all.Store(p.Number, found)
		return nil
	}
	lack := ""
	if found.version, lack, err = survey(ctx, p, epoch); err != nil {
		return err
	}
	found.even = lack == ""
	u.bases.all.Store(p.Number, found)
	if !found.even {
		p.Lacks(lack)
		return nil
	}
	own.Epoch, own.Base, own.Version = epoch, found.version, found.version
	row, err := codec.EncodeState(&own)
	if err != nil {
		return fmt.Errorf("encode row %s: %w", key, err)
	}
	if u.Rows != nil {
		u.Rows.Accepted(key)
	}
	return p.Set(ctx, key, row)
}

// ownRow reads the partition's own row, the zero State for none.
func ownRow(p *engine.Partition, key string) (inbox.State, error) {
	stored, err := p.Get(key)
	if err != nil || stored == nil {
		return inbox.State{}, err
	}
	row, err := codec.DecodeState(stored)
	if err != nil {
		return inbox.State{}, fmt.Errorf("decode row %s: %w", key, err)
	}
	return row, nil
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
