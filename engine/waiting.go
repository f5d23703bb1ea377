package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

// Silent reports whether the record is older than the group's activation, and
// that was a silent one: its items must alert nobody. The answer is the
// same each time the record is read.
func (c *Context) Silent() bool { return len(c.records) > 0 && c.Offset() < c.silent }

// Wait keeps the record for d, since something that it needs is not there for
// now, and returns true: then try again. If the session ends meanwhile it
// returns false: the record was given up and is read again by whoever has the
// partition next; the callback must return and write nothing. Nothing overtakes
// the record in either case. Until the callback returns the status tells cause.
func (c *Context) Wait(d time.Duration, cause error) bool {
	if c.tracker.wait(cause) {
		c.sup.Log.Warn("record waits", "topic", c.Topic(), "partition", c.Partition(), "offset", c.Offset(), "err", cause)
	}
	if Sleep(c.Context(), d) {
		return true
	}
	c.tracker.abandon(c.Offset())
	return false
}

// Sleep waits for d and reports whether ctx did not end meanwhile.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Wake has who waits for c, which has room for one, look again; who does so already looks
// once.
func Wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Later is a record whose callback has returned and that is processed on by others,
// beside those behind it. Its offset is committed once it and all before it are done. It
// is safe for concurrent use.
type Later struct {
	offset  int64
	tracker *tracker
	done    func(error)
}

// Later leaves the record to whoever calls Done or GiveUp, once, in the end. The context
// of c says when the session ends: then there is little time left.
func (c *Context) Later() *Later {
	return &Later{c.Offset(), c.tracker, c.DeferCommit()}
}

// Rooms bounds how many records of each partition are left for later at a time. It is safe
// for concurrent use.
type Rooms struct{ each[int32] }

// NewRooms returns Rooms for so many records of a partition, at least one.
func NewRooms(perPartition int64) *Rooms { return &Rooms{newEach[int32](perPartition)} }

// Later leaves the record of c for later once there is room for it; leave gives the room
// back. It returns false if the session ends before: the record was given up, and the
// callback must return.
func (r *Rooms) Later(c *Context) (later *Later, leave func(), ok bool) {
	room := r.of(c.Partition())
	later = c.Later()
	if room.Acquire(c.Context(), 1) != nil {
		later.GiveUp()
		return nil, nil, false
	}
	return later, func() { room.Release(1) }, true
}

// Done completes the record. An error ends the processor, and the record is read again.
func (l *Later) Done(err error) {
	l.Waits(nil)
	l.done(err)
}

// GiveUp has the record read again, by whoever has the partition next. It is for the end
// of a session: neither it nor what follows counts as completed in this one.
func (l *Later) GiveUp() {
	if l.tracker != nil {
		l.tracker.abandon(l.offset)
	}
	l.Done(nil)
}

// Waits notes what the record waits for, however long that takes; nil: nothing any
// more. While it waits, the partition does not count as standing still.
func (l *Later) Waits(cause error) {
	if l.tracker == nil {
		return
	}
	text := ""
	if cause != nil {
		text = cause.Error()
	}
	l.tracker.waitLater(l.offset, text, time.Now())
}

// slowRecord is from when on a record that is at work counts as holding its partition
// up.
const slowRecord = time.Second

// HeldUp is a partition whose record at hand holds up those behind it: it waits, or is
// at work for more than a second.
type HeldUp struct {
	kafka.TopicPartition
	Offset int64
	Since  time.Time
	Cause  string // what it waits for; "" if it is at work
}

// String is a line for people.
func (h HeldUp) String() string {
	what, cause := "is at work on", ""
	if h.Cause != "" {
		what, cause = "waits at", ": "+h.Cause
	}
	return fmt.Sprintf("%s/%d %s offset %d since %s%s", h.Topic, h.Partition, what, h.Offset, h.Since.UTC().Format(time.RFC3339), cause)
}

// heldUp returns the partitions that are held up at now, and the recoveries that wait,
// in order.
func heldUp(trackers map[kafka.TopicPartition]*tracker, recoveries map[kafka.TopicPartition]HeldUp, now time.Time) []HeldUp {
	out := slices.Collect(maps.Values(recoveries))
	for claim, t := range trackers {
		if offset, since, cause := t.hand(); !since.IsZero() && (cause != "" || now.Sub(since) >= slowRecord) {
			out = append(out, HeldUp{claim, offset, since, cause})
		}
	}
	slices.SortFunc(out, func(a, b HeldUp) int { return a.Compare(b.TopicPartition) })
	return out
}
