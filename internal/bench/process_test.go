package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestFootprintOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	before, err := footprintOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.resident < 1<<20 || before.resident > 1<<36 {
		t.Errorf("got %d bytes resident", before.resident)
	}
	deadline := time.Now().Add(3 * time.Minute)
	for {
		after, err := footprintOf(os.Getpid())
		switch {
		case err != nil:
			t.Fatal(err)
		case after.cpu >= before.cpu+5*clockTick:
			return
		case time.Now().After(deadline):
			t.Fatal("busy, and no processor time is told of")
		}
	}
}

func TestFootprintOfNobody(t *testing.T) {
	if got, err := footprintOf(1 << 30); err == nil {
		t.Errorf("got %+v", got)
	}
}
