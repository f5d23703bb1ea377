package processors

import (
	"context"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/store"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

// policy is what users are told by at this time, nil for nothing.
func (d *Deps) policy() *reach.Policy {
	if d.Policy == nil {
		return nil
	}
	return d.Policy()
}

// nextTell is when the user of a row is to be told of something, as of now, and the first
// of what is due has come or not.
func nextTell(user string, row *inbox.State, policy *reach.Policy, now time.Time) timers.Next {
	first, ok := reach.First(reach.Due(user, row, policy, now))
	if !ok {
		return timers.Next{}
	}
	wait := timers.Wait{Hold: timers.HoldOf(string(first.Hold))}
	for i := range policy.Channels {
		if &policy.Channels[i] == first.Channel {
			wait.Channel = uint8(i + 1)
		}
	}
	return timers.Next{At: first.At.UnixMilli(), Wait: wait}
}

// dueOf is when an encoded row is due, by its times and by the policy of now.
func (u *Unread) dueOf(partition int32, user string, b []byte) store.Due {
	due := store.Due{Row: codec.DecodeDue(b)}
	policy := u.policy()
	if policy == nil || !codec.UsesReach(b) {
		return due
	}
	row, err := codec.DecodeState(b)
	if err != nil {
		return due // it fails whoever folds it
	}
	next := u.bases.of(partition).next(user, row, policy, time.Now())
	due.Policy, due.Why = next.At, next.Byte()
	return due
}

// rowsDue is the rows of a partition as timers want them.
type rowsDue struct {
	*engine.DueRows
	policy func() *reach.Policy
	base   *base
}

var _ timers.Rows = rowsDue{}

// Due implements timers.Rows.
func (r rowsDue) Due(user string) (int64, error) {
	if _, own := belfry.ParsePartitionKey(user); own && !r.base.counts {
		return 0, nil // nothing settles a board of an earlier journal
	}
	b, err := r.Row(user)
	if err != nil || b == nil {
		return 0, err
	}
	return codec.DecodeDue(b), nil
}

// Tells implements timers.Rows.
func (r rowsDue) Tells(user string, now time.Time) (timers.Told, error) {
	policy := r.policy()
	if policy == nil {
		return timers.Told{}, nil
	}
	b, err := r.Row(user)
	if err != nil || b == nil || !codec.UsesReach(b) {
		return timers.Told{}, err
	}
	row, err := codec.DecodeState(b)
	if err != nil {
		return timers.Told{}, err
	}
	row = r.base.show(row)
	told := timers.Told{Records: reach.Tells(user, &row, policy, now)}
	if len(told.Records) == 0 {
		told.Next = nextTell(user, &row, policy, now)
	}
	return told, nil
}

// Reached implements timers.Rows.
func (r rowsDue) Reached(ctx context.Context, after string, n int) ([]string, error) {
	if r.policy() == nil {
		return nil, nil
	}
	return r.Keys(ctx, after, n, codec.UsesReach)
}

// Next implements timers.Rows.
func (r rowsDue) Next(user string, now time.Time) (timers.Next, error) {
	b, err := r.Row(user)
	if err != nil || b == nil {
		return timers.Next{}, err
	}
	row, err := codec.DecodeState(b)
	if err != nil {
		return timers.Next{}, err
	}
	return r.base.next(user, row, r.policy(), now), nil
}

// EachDue implements timers.Rows.
func (r rowsDue) EachDue(ctx context.Context, visit func(user string, due int64, next timers.Next) error) error {
	return r.DueRows.EachDue(ctx, func(user string, due store.Due) error {
		return visit(user, due.Row, timers.Next{At: due.Policy, Wait: timers.WaitOf(due.Why)})
	})
}

// armTell has the user of a row that is written be told at its time.
func (u *Unread) armTell(c *engine.Context, out *folded) {
	if !out.reached {
		return
	}
	unsettled := true
	for i := range out.steps {
		s := &out.steps[i]
		unsettled = unsettled && s.kind == inbox.KindTell && s.outcome != inbox.Applied
	}
	for next, policy := out.next, out.policy; ; {
		u.Timers.SetNext(c.Partition(), c.Key(), next, unsettled)
		now := u.policy()
		if now == policy {
			return
		}
		// The policy has changed since the fold, and those who go through all rows for it
		// may have been at this one before it was written.
		row, err := codec.DecodeState(out.row)
		if err != nil {
			return // it fails whoever folds it
		}
		next, policy = u.bases.of(c.Partition()).next(c.Key(), row, now, time.Now()), now
	}
}

// noteTell counts what became of a decision.
func (u *Unread) noteTell(s *step) {
	if s.kind != inbox.KindTell || s.outcome == inbox.Redelivered && s.outbound == nil {
		return
	}
	m := u.Metrics
	switch {
	case s.outbound == nil:
		m.dropped.WithLabelValues(s.channel).Inc()
	case s.outcome == inbox.Redelivered:
		m.repeatedTells.WithLabelValues(s.channel).Inc()
	default:
		m.dispatched.WithLabelValues(s.channel).Inc()
	}
}
