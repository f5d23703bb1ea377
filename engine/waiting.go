package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

// Silent reports whether the record is older than the group's activation, and
// that was a silent one: its items must alert nobody. The answer is the
// same each time the record is read.
func (c *Context) Silent() bool { return c.raw != nil && c.raw.Offset < c.silent }

// Wait keeps the record for d, since something that it needs is not there for
// now, and returns true: then try again. If the session ends meanwhile it
// returns false: the record was given up and is read again by whoever has the
// partition next; the callback must return and write nothing. Nothing overtakes
// the record in either case. Until the callback returns the status tells cause.
func (c *Context) Wait(d time.Duration, cause error) bool {
	if !c.waited {
		c.waited = true
		c.tracker.setWaiting(true)
		c.sup.Log.Warn("record waits", "topic", c.Topic(), "partition", c.Partition(), "offset", c.Offset(), "err", cause)
	}
	c.sup.wait(c.claim(), fmt.Sprintf("%s/%d waits at offset %d: %v", c.Topic(), c.Partition(), c.Offset(), cause))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.Context().Done():
		c.tracker.abandon(c.Offset())
		return false
	}
}

func (c *Context) endWait() {
	if c.waited {
		c.tracker.setWaiting(false)
		c.sup.wait(c.claim(), "")
	}
}

func (c *Context) claim() kafka.TopicPartition {
	return kafka.TopicPartition{Topic: string(c.Topic()), Partition: c.Partition()}
}

// wait notes what a partition waits for; an empty text is nothing.
func (s *Supervisor) wait(claim kafka.TopicPartition, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "" {
		delete(s.waits, claim)
	} else {
		s.waits[claim] = what
	}
	s.status.Waiting = slices.Sorted(maps.Values(s.waits))
}
