package envelope

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDecodingLetsOthersIn holds that a large document is decoded in stretches: on a single
// processor another goroutine, which sleeps for a microsecond again and again, runs more often
// than the runtime lets it in, which interrupts what runs every ten milliseconds. The
// machine may have other things to do: one of a few times is enough.
func TestDecodingLetsOthersIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const often, tries = 30, 5
	document := []byte("[" + strings.Repeat("0,", 400_000) + "0]")
	most := 0
	for range tries {
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
		if _, err := ParseJSON(document); err != nil {
			t.Error(err)
		}
		close(over)
		most = max(most, <-ended)
	}
	if most < often {
		t.Errorf("another goroutine ran %d times while 400,000 values were decoded", most)
	}
}
