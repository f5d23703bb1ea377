package breath_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/internal/breath"
)

// TestTakeLetsOthersRun has ten goroutines be ready, each with more to do than a breath
// lasts: all have run when it is over. Once in 61 times the scheduler takes one out of turn,
// so most tries have to show it.
func TestTakeLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const tries, others = 40, 10
	good := 0
	for range tries {
		var ran atomic.Int64
		for range others {
			go func() {
				for began := time.Now(); time.Since(began) < 50*time.Microsecond; {
				}
				ran.Add(1)
			}()
		}
		breath.Take()
		if ran.Load() == others {
			good++
		}
		for ran.Load() < others {
			runtime.Gosched()
		}
	}
	if good < tries/2 {
		t.Errorf("in %d of %d breaths all others ran", good, tries)
	}
}

// TestStretches holds that a breath comes once work has lasted, and not before. In the
// bubble time passes for breaths and sleeps alone.
func TestStretches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s breath.Stretches
		took := func(pieces int, each time.Duration) (breaths time.Duration) {
			began := time.Now()
			for range pieces {
				s.Next()
				time.Sleep(each)
			}
			return time.Since(began) - time.Duration(pieces)*each
		}
		if d := took(1000, 0); d != 0 {
			t.Errorf("breaths of %s in no time", d)
		}
		one := took(2, time.Millisecond)
		if one == 0 || one > time.Millisecond {
			t.Errorf("breaths of %s after a millisecond", one)
		}
		if d := took(100, time.Millisecond); d != 100*one {
			t.Errorf("breaths of %s in 100 ms, want %s", d, 100*one)
		}
		s = breath.Stretches{}
		if d := took(101, 150*time.Microsecond); d != 50*one {
			t.Errorf("breaths of %s in 101 pieces of 150 us, want one in two, %s", d, 50*one)
		}
	})
}

// TestStretchesGrowWithBreaths holds that work goes on where others have much to do: one that
// needs a millisecond each time that it is let in has two or three times as much as the work
// itself, and not ten times as with breaths each 200 us.
func TestStretchesGrowWithBreaths(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	spin := func(d time.Duration) {
		for began := time.Now(); time.Since(began) < d; {
		}
	}
	var over atomic.Bool
	turns := make(chan int)
	go func() {
		n := 0
		for ; !over.Load(); n++ {
			spin(time.Millisecond)
			runtime.Gosched()
		}
		turns <- n
	}()
	var s breath.Stretches
	for range 500 {
		s.Next()
		spin(100 * time.Microsecond)
	}
	over.Store(true)
	if n := <-turns; n > 250 {
		t.Errorf("others had %d ms while 50 ms of work were done", n)
	}
}
