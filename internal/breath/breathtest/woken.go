// Package breathtest tells whether work that takes long lets others in.
//
// It imports the standard library alone. Begin reading with [Woken].
package breathtest

import (
	"runtime"
	"testing"
	"time"
)

// Often is more than how often the runtime, which interrupts what runs every ten
// milliseconds, lets another goroutine in during a quarter of a second.
const Often = 30

// Woken does the work on a single processor and returns how often another goroutine ran
// meanwhile, which sleeps for a microsecond again and again. Tests beside it may not depend
// on processors.
func Woken(_ testing.TB, work func()) (times int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
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
