// Package breathtest tells whether work that takes long lets others in.
//
// It imports the standard library alone. Begin reading with [Woken].
package breathtest

import (
	"runtime"
	"time"
)

const (
	// Often is more than how often the runtime, which interrupts what runs every ten
	// milliseconds, lets another goroutine in during a quarter of a second.
	Often = 30
	tries = 5
)

// Woken does the work a few times, on a single processor, and returns how often another
// goroutine ran meanwhile at most, which sleeps for a microsecond again and again: the
// machine may have other things to do now and then. No other test may run beside it in
// this process.
func Woken(work func()) (times int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range tries {
		times = max(times, once(work))
	}
	return times
}

func once(work func()) int {
	began, over, ended := make(chan struct{}), make(chan struct{}), make(chan int)
	go func() {
		close(began)
		for woken := 0; ; woken++ {
			select {
			case <-over:
				ended <- woken
				return
			default:
				time.Sleep(time.Microsecond)
			}
		}
	}()
	<-began
	work()
	close(over)
	return <-ended
}
