package table

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// Table describes one table to view. Its functions must not block, and calls
// for different partitions may come at once.
type Definition struct {
	Topic string
	// Accept, if not nil, decides whether a new value may take the place of the
	// old one; both are not nil. It is how a row never goes back.
	Accept func(old, new []byte) bool
	// Own, if not nil, is what readers need of the partition's own row (the value of
	// belfry.PartitionKey, nil if there is none), made once for all of them: see [View.Read].
	// It may not keep the value.
	Own func(value []byte) any
	// Stale, if not 0, is from which age on records of the log may be missing, because
	// compaction took them. A view that was cut off for longer shows nothing until it is at
	// the end which it then sees: on the way there are states that never were.
	Stale time.Duration
	// Refused, if not nil, is called when a value of key was not accepted, and
	// Accepted when one was written or deleted: for every record, also while
	// the table is read for the first time or anew.
	Refused  func(key string)
	Accepted func(key string)
	// Changed, if not nil, is called after a value was written, or deleted, which
	// is a nil one, and can be read. It may not keep the value. It is not called while the table is read for the first time
	// or anew: Replaced follows that.
	Changed func(key string, value []byte)
	// Traced, if not nil, is called for a record that carries a trace, with its
	// traceparent header, before Changed and only when that is called.
	Traced func(key string, header []byte)
	// Replaced, if not nil, is called when the whole table has become readable,
	// for the first time or after it was read anew: any key may have changed.
	Replaced func()
}

// View holds a copy of a whole table. It lives through outages of the brokers,
// however long, and builds itself anew when it fails otherwise.
//
// Only a whole table is ever read from: what is being filled becomes readable
// once every partition has reached the end that it had when filling began. What
// was whole stays readable while the view catches up after an outage, and while
// the same topic is read anew since records were lost.
type View struct {
	cfg      kafka.Config
	table    Definition
	sup      *engine.Supervisor
	current  atomic.Pointer[viewStores] // what may be read; nil if nothing may
	refused  atomic.Int64
	progress progress

	// The rest belongs to Run.
	filling  *viewStores   // what records are written to; nil: to be opened
	served   *viewStores   // whole: filling, or what it will replace; nil without
	whole    kafka.TopicID // the incarnation that was whole last, if wasWhole
	wasWhole bool
	gap      bool // records were lost: filling is of no use any more

	generation int // of the folder to fill; 0: the last one that is there
}

// NewView returns a view that does nothing until Run.
func NewView(cfg kafka.Config, t Definition) *View {
	return &View{cfg: cfg, table: t, sup: engine.NewSupervisor("view "+t.Topic, &cfg)}
}

// Run keeps the view up to date until ctx ends. It may be called once. It
// returns nil.
func (v *View) Run(ctx context.Context) error {
	defer v.close()
	return v.sup.Run(ctx, v.attempt)
}

// Status tells what the view is doing.
func (v *View) Status() engine.Status {
	s := v.sup.Snapshot()
	if s.Phase == engine.Recovering {
		s.Recovery = v.progress.recovery(time.Now())
	}
	return s
}

// Recovered reports whether the view has the whole table to read from. Once it
// has, it stays true while the brokers are away and while the table is read
// anew: the view answers with what it had. It becomes false when that can't be
// read any more: the topic was deleted and created again, the local store
// failed, or Run has ended.
func (v *View) Recovered() bool { return v.current.Load() != nil }

// Refused is how many values were not accepted so far.
func (v *View) Refused() int64 { return v.refused.Load() }

// Lag is how many offsets of the table the view has not got to yet, as far as
// the brokers have told it last: while they are away it stays what it was.
func (v *View) Lag() int64 { return v.progress.lag() }

// Reach is how many offsets of the table the view has got to, in all
// partitions together, and its [View.Lag].
func (v *View) Reach() (next, lag int64) { return v.progress.reached(), v.progress.lag() }

// Get returns the value of key, nil if there is none. The error matches
// belfry.ErrNotReady unless [View.Recovered]. The caller owns the result.
func (v *View) Get(key string) ([]byte, error) {
	value, err := v.get(key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", v.table.Topic, err)
	}
	return value, nil
}

func (v *View) get(key string) (value []byte, err error) {
	err = v.reading(func(current *viewStores) (err error) {
		value, err = current.get(key)
		return err
	})
	return value, err
}

// Read is [View.Get] with what [Definition.Own] has made of the own row of the key's
// partition: both were in the table at one time, together.
func (v *View) Read(key string) (value []byte, own any, err error) {
	err = v.reading(func(current *viewStores) (err error) {
		value, own, err = current.read(key)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", v.table.Topic, err)
	}
	return value, own, nil
}

// reading has read do with the stores that may be read from.
func (v *View) reading(read func(*viewStores) error) error {
	for {
		current := v.current.Load()
		if current == nil {
			return belfry.ErrNotReady
		}
		err := read(current)
		// They may have been replaced since they were looked up.
		if errors.Is(err, belfry.ErrNotReady) && v.current.Load() != current {
			continue
		}
		return err
	}
}

// Partition returns the partition of key, -1 unless [View.Recovered].
func (v *View) Partition(key string) int32 {
	current := v.current.Load()
	if current == nil {
		return -1
	}
	return kafka.Partition(key, len(current.parts))
}

// Each calls visit for every row, in any order, with the time its record was
// written (as Kafka has it, to the millisecond); value is valid during the call
// only. Rows that change meanwhile may be visited in either form or, if they
// come or go, not at all. It holds up neither reads nor writes. It stops at the
// first error of visit and returns it, and at the end of ctx. The error matches
// belfry.ErrNotReady unless [View.Recovered], and also if the table is replaced
// meanwhile.
func (v *View) Each(ctx context.Context, visit func(key string, value []byte, written time.Time) error) error {
	current := v.current.Load()
	if current == nil {
		return fmt.Errorf("read %s: %w", v.table.Topic, belfry.ErrNotReady)
	}
	return current.each(ctx, visit)
}

// EachKey is Each without values, and beginning at a partition that is another
// each time. It holds few rows in memory, so that visit may be slow.
func (v *View) EachKey(ctx context.Context, visit func(key string) error) error {
	current := v.current.Load()
	if current == nil {
		return fmt.Errorf("read %s: %w", v.table.Topic, belfry.ErrNotReady)
	}
	return current.eachKey(ctx, visit)
}
