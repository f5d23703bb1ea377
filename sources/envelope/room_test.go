package envelope

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDecodingLetsOthersIn holds that a large document is decoded in stretches: one that
// sleeps runs many times meanwhile, on a single processor.
func TestDecodingLetsOthersIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	over, ended := make(chan struct{}), make(chan int)
	began := make(chan struct{})
	go func() {
		woken := 0
		for close(began); ; woken++ {
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
	document := []byte("[" + strings.Repeat("0,", 200_000) + "0]")
	if _, err := ParseJSON(document); err != nil {
		t.Fatal(err)
	}
	close(over)
	// The runtime interrupts what runs every ten milliseconds, which is a few times here.
	if woken := <-ended; woken < 30 {
		t.Errorf("another goroutine ran %d times while %d values were decoded", woken, 200_000)
	}
}
