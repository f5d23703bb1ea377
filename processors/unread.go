package processors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// Unread folds the journal into one row a recipient and one a partition, its board, and
// writes the contents of their items into the inbox table.
type Unread struct {
	Deps
	cap       int
	epoch     atomic.Uint32
	bases     bases
	processed *processed
	// former are rows, *inbox.State, whose memory the next one takes: a row at the cap is
	// 14 KiB when it is decoded.
	former sync.Pool
}

// NewUnread returns the group of the fold. Every instance must have the same
// cap: 1 to [inbox.MaxCap] items an inbox, or 0 for [inbox.DefaultCap].
func NewUnread(d Deps, cap int) *Unread {
	return &Unread{Deps: d, cap: cap, processed: d.Metrics.processedBy(d.Prefix.UnreadGroup())}
}

// Group is the definition for engine.NewProcessor.
func (u *Unread) Group(options ...goka.ProcessorOption) engine.Group {
	journal := u.Prefix.Journal()
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(u.Prefix.UnreadGroup()),
			goka.Input(goka.Stream(journal), engine.Bytes{}, engine.Callback(u.fold)),
			goka.Output(goka.Stream(u.Prefix.InboxTable()), engine.Bytes{}),
			goka.Persist(engine.Bytes{}),
		),
		Positional: true,
		Batches:    &engine.Batches{Barrier: isPartitions},
		Timers:     u.timers(),
		Backlog:    u.Backlog,
		OnSession:  func(infos map[string]kafka.TopicInfo) { u.epoch.Store(infos[journal].ID.Epoch()) },
		Begin:      u.begin,
		Written:    u.Metrics.writtenBy(u.Prefix.UnreadGroup()),
		Options:    append([]goka.ProcessorOption{goka.WithUpdateCallback(u.restore)}, options...),
	}
}

// timers has the partitions that are folded here held by the queue of timers.
func (u *Unread) timers() *engine.Timers {
	if u.Timers == nil {
		return nil
	}
	return &engine.Timers{
		Due:    u.dueOf,
		Policy: func() uint64 { return u.policy().Hash() },
		Hold: func(partition int32, rows *engine.DueRows) func(context.Context) {
			base := u.bases.of(partition)
			run := u.Timers.Hold(partition, rowsDue{rows, u.policy, base})
			if base.announces() {
				u.Timers.Announce(partition)
			}
			return run
		},
	}
}

// restore takes one record of the table into a store that is being recovered.
// A row that a paused owner wrote late does not take the place of the newer row,
// though it comes after it. A store that is ahead of the offset it keeps meets
// rows of its past again, and the newest after them.
func (u *Unread) restore(_ goka.UpdateContext, s storage.Storage, key string, value []byte) error {
	refused, err := restoreRow(s, key, value)
	switch {
	case err != nil:
		return fmt.Errorf("restore row: %w", err)
	case refused:
		u.Metrics.refused.Inc()
		if u.Rows != nil {
			u.Rows.Refused(key)
		}
	case u.Rows != nil:
		u.Rows.Accepted(key)
	}
	return nil
}

func restoreRow(s storage.Storage, key string, value []byte) (refused bool, err error) {
	if value == nil {
		return false, s.Delete(key)
	}
	old, err := s.Get(key)
	if err != nil {
		return false, err
	}
	if old != nil && !codec.NotOlder(old, value) {
		return true, nil
	}
	return false, s.Set(key, value)
}
