package stream

import (
	"container/heap"
	"iter"
	"time"
)

// clock wakes streams at their time. Its methods want streams.mu held. It needs
// no goroutine: one timer stands at the earliest time.
type clock struct {
	due   dues
	timer *time.Timer
	at    time.Time // where the timer stands; zero when it does not run
}

// dues are the streams that wait for a time, a heap with the earliest first.
type dues []*connection

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].dueAt.Before(d[j].dueAt) }

func (d dues) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i+1, j+1
}

func (d *dues) Push(x any) {
	c := x.(*connection)
	*d = append(*d, c)
	c.place = len(*d)
}

func (d *dues) Pop() any {
	last := len(*d) - 1
	c := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	c.place = 0
	return c
}

// set has c wake at that time, and no other; zero is never. tick is what the
// timer calls.
func (k *clock) set(c *connection, at time.Time, tick func()) {
	switch {
	case at.IsZero():
		k.remove(c)
		return
	case c.place == 0:
		c.dueAt = at
		heap.Push(&k.due, c)
	case !at.Equal(c.dueAt):
		c.dueAt = at
		heap.Fix(&k.due, c.place-1)
	}
	k.wind(tick)
}

// remove forgets c.
func (k *clock) remove(c *connection) {
	if c.place > 0 {
		heap.Remove(&k.due, c.place-1)
	}
}

// passed takes out and gives those that are due at now.
func (k *clock) passed(now time.Time) iter.Seq[*connection] {
	return func(yield func(*connection) bool) {
		for len(k.due) > 0 && !k.due[0].dueAt.After(now) {
			if !yield(heap.Pop(&k.due).(*connection)) {
				return
			}
		}
		k.at = time.Time{}
	}
}

// wind sets the timer to the earliest time, unless it stands there or before.
func (k *clock) wind(tick func()) {
	if len(k.due) == 0 {
		if k.timer != nil {
			k.timer.Stop()
		}
		k.at = time.Time{}
		return
	}
	first := k.due[0].dueAt
	if !k.at.IsZero() && !first.Before(k.at) {
		return
	}
	k.at = first
	if k.timer == nil {
		k.timer = time.AfterFunc(time.Until(first), tick)
		return
	}
	k.timer.Reset(time.Until(first))
}
