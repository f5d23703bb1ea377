package userdata

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// Partition is what the unread table holds in one of its partitions.
type Partition struct {
	Rows  map[string][]byte // as they are encoded, by user
	Board *board.Board      // nil where the table holds none
}

// ReadPartition reads a partition of the unread table up to its end as it is now: the rows
// of all users, or of one alone if that is not empty, and the notice board.
func ReadPartition(ctx context.Context, cfg kafka.Config, partition int32, user string) (*Partition, error) {
	p, own := &Partition{Rows: map[string][]byte{}}, belfry.PartitionKey(partition)
	err := table.Scan(ctx, cfg, cfg.Prefix.UnreadTable(), partition, func(m *sarama.ConsumerMessage) error {
		key := string(m.Key)
		if user != "" && key != user && key != own {
			return nil
		}
		// As the views do: a paused owner's late write takes no row back.
		if old, ok := p.Rows[key]; m.Value == nil {
			delete(p.Rows, key)
		} else if !ok || codec.NotOlder(old, m.Value) {
			p.Rows[key] = m.Value
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if held, ok := p.Rows[own]; ok {
		row, err := codec.DecodeBoard(held)
		if err != nil {
			return nil, fmt.Errorf("decode the notice board of partition %d: %w", partition, err)
		}
		p.Board = board.New(row)
	}
	maps.DeleteFunc(p.Rows, func(key string, _ []byte) bool {
		_, board := belfry.ParsePartitionKey(key)
		return board
	})
	return p, nil
}

// Stored returns a user's row as it is stored, the zero State of one nobody has written to.
func (p *Partition) Stored(user string) (inbox.State, error) {
	data, ok := p.Rows[user]
	if !ok {
		return inbox.State{}, nil
	}
	row, err := codec.DecodeState(data)
	if err != nil {
		return inbox.State{}, fmt.Errorf("decode the row of a user: %w", err)
	}
	return row, nil
}

// Show returns a stored row as it is shown.
func (p *Partition) Show(row inbox.State) inbox.State {
	if !p.announces() {
		return row
	}
	return p.Board.Show(row)
}

// Badge returns the badge of a user who has a row, as servers show it at now.
func (p *Partition) Badge(user string, now time.Time) (inbox.Badge, error) {
	if !p.announces() {
		return codec.DecodeBadge(p.Rows[user], now)
	}
	return codec.DecodeShownBadge(p.Rows[user], p.Board, now)
}

// announces reports whether there ever was a notice.
func (p *Partition) announces() bool { return p.Board != nil && p.Board.Keep > 0 }

// ScanContents calls visit with each record of a partition of the inbox table up to its end
// as it is now, in their order; the value of one that takes a content out is nil. The
// recipient of a notice's content is the key of its partition.
func ScanContents(ctx context.Context, cfg kafka.Config, partition int32, visit func(key inbox.ContentKey, value []byte) error) error {
	return table.Scan(ctx, cfg, cfg.Prefix.InboxTable(), partition, func(m *sarama.ConsumerMessage) error {
		key, ok := inbox.ParseTableKey(string(m.Key))
		if !ok {
			return nil
		}
		if err := visit(key, m.Value); err != nil {
			return fmt.Errorf("content at offset %d: %w", m.Offset, err)
		}
		return nil
	})
}
