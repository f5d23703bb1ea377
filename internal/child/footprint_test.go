package child

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
	before, err := FootprintOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.Resident < 1<<20 || before.Resident > 1<<36 {
		t.Errorf("got %d bytes resident", before.Resident)
	}
	deadline := time.Now().Add(3 * time.Minute)
	for {
		after, err := FootprintOf(os.Getpid())
		switch {
		case err != nil:
			t.Fatal(err)
		case after.CPU >= before.CPU+5*clockTick:
			return
		case time.Now().After(deadline):
			t.Fatal("busy, and no processor time is told of")
		}
	}
}

func TestFootprintOfNobody(t *testing.T) {
	if got, err := FootprintOf(1 << 30); err == nil {
		t.Errorf("got %+v", got)
	}
}
