// Package breath lets work that takes long be interrupted for what is short: requests
// come in while records are decoded and lists put together in the same process. It
// imports the standard library alone. [Take] is a breath, and [Stretches] say when one
// is due.
package breath

import (
	"runtime"
	"time"
)

const (
	// shortest is as short as a timer can be.
	shortest = 20 * time.Microsecond
	// stretch is how long work goes on between two breaths, or for as long as the last one
	// took, longest at most: where a processor has much to do for others, work that lets
	// all of it come first would never end.
	stretch = 200 * time.Microsecond
	longest = time.Millisecond
)

// Take interrupts work that takes long, so that what has come over the network meanwhile
// is noticed: the runtime looks there when a processor has nothing to do, and else every
// ten milliseconds. A goroutine that merely yields is something to do; one that merely
// sleeps comes before all others when its timer ends. So it yields, which has all others
// run, and then sleeps. It costs some 5 us of a processor, and some 70 us where nothing else is to do.
func Take() {
	runtime.Gosched()
	time.Sleep(shortest)
}

// Stretches are work in many pieces. The zero Stretches is ready; it is for one goroutine.
type Stretches struct {
	began time.Time
	took  time.Duration // the last breath
}

// Next comes before each piece, and takes a breath if 200 us of work lie behind, and as much
// as the last breath has taken.
func (s *Stretches) Next() {
	switch now := time.Now(); {
	case s.began.IsZero():
		s.began = now
	case now.Sub(s.began) > max(stretch, min(s.took, longest)):
		Take()
		s.began = time.Now()
		s.took = s.began.Sub(now)
	}
}
