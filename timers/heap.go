package timers

import "container/heap"

// timer is when something is to be done about a user, in 32 bytes and the name.
type timer struct {
	user string
	due  int64 // milliseconds since 1970, as the row has it
	// after is how much later than due it is looked at next, in steps of delayStep.
	after uint32
	tries uint32 // touches appended so far
}

// delayStep is 0.1 s, in milliseconds: what a timer waits fits into 32 bits of them.
const delayStep = 100

// at is when the timer is looked at next.
func (t *timer) at() int64 { return t.due + int64(t.after)*delayStep }

// waitUntil has the timer be looked at in at or soon after, never before due.
func (t *timer) waitUntil(at int64) {
	steps := max(at-t.due+delayStep-1, 0) / delayStep
	t.after = uint32(min(steps, 1<<32-1))
}

// timers is a heap by at.
type timers []timer

var _ heap.Interface = (*timers)(nil)

// Len implements heap.Interface.
func (h timers) Len() int { return len(h) }

// Less implements heap.Interface.
func (h timers) Less(i, j int) bool { return h[i].at() < h[j].at() }

// Swap implements heap.Interface.
func (h timers) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface; push does not allocate.
func (h *timers) Push(x any) { *h = append(*h, x.(timer)) }

// Pop implements heap.Interface; pop does not allocate.
func (h *timers) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = timer{}
	*h = (*h)[:len(*h)-1]
	return last
}

func (h *timers) push(t timer) {
	*h = append(*h, t)
	heap.Fix(h, len(*h)-1)
}

func (h *timers) pop() timer {
	first, last := (*h)[0], len(*h)-1
	(*h)[0] = (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	if last > 0 {
		heap.Fix(h, 0)
	}
	return first
}
