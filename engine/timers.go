package engine

import (
	"context"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/store"
)

// Timers are for a group that has something to do at times that its rows name, with a
// record or without one.
type Timers struct {
	// Due is when a row of a partition is due. It must be safe for concurrent use. The local
	// store keeps an index of it.
	Due func(partition int32, key string, row []byte) store.Due
	// Policy is the hash of what Due goes by beside the row, 0 for nothing. An index by
	// another is made anew. It must be safe for concurrent use; nil: there is none.
	Policy func() uint64
	// Hold is called for each partition that a session has, once its table is recovered
	// and before its first record is processed. The returned function is called at once,
	// in a goroutine of its own, and must return soon after ctx has ended: with the session.
	Hold func(partition int32, rows *DueRows) (run func(ctx context.Context))
}

// DueRows are the rows of a partition that a session has. Methods are safe for
// concurrent use while that lasts.
type DueRows struct {
	store     *store.Store
	partition int32
	behind    func() int64
}

// holdOf is what a group's claims call; nil if it has no timers.
func holdOf(timers *Timers, s *store.Store) func(*tracker, sarama.ConsumerGroupClaim) func(context.Context) {
	if timers == nil {
		return nil
	}
	return func(at *tracker, c sarama.ConsumerGroupClaim) func(context.Context) {
		behind := func() int64 { return max(c.HighWaterMarkOffset()-at.position(), 0) }
		return timers.Hold(c.Partition(), &DueRows{store: s, partition: c.Partition(), behind: behind})
	}
}

// Row is the present row with that key, nil if there is none. The caller may not modify it.
func (r *DueRows) Row(key string) ([]byte, error) { return r.store.Row(r.partition, key) }

// Keys returns, in their order, up to n keys after one whose rows are wanted; none if there
// are no more. No row may be modified or kept by want. The error may be that of ctx.
func (r *DueRows) Keys(ctx context.Context, after string, n int, want func(row []byte) bool) ([]string, error) {
	return r.store.Keys(ctx, r.partition, after, n, want)
}

// EachDue calls visit with the key of each row that is due some time, and with that
// time by the policy of now; maybe with others. It returns the first error of visit.
func (r *DueRows) EachDue(ctx context.Context, visit func(key string, due store.Due) error) error {
	return r.store.EachDue(ctx, r.partition, visit)
}

// Behind is how many offsets of the partition are not processed, as far as the last
// fetch tells.
func (r *DueRows) Behind() int64 { return r.behind() }
