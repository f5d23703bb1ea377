package attack

import (
	"slices"
	"testing"
	"time"
)

func TestAttacksHaveNames(t *testing.T) {
	names := Names()
	if len(names) < 15 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("got %v, want at least 15, each once", names)
	}
	for _, a := range attacks() {
		if a.what == "" {
			t.Errorf("%s does not say what it is", a.name)
		}
	}
}

func TestDelays(t *testing.T) {
	var d delays
	if d.p99() != 0 || d.worst() != 0 {
		t.Errorf("of none: %s, %s", d.p99(), d.worst())
	}
	for i := range 200 {
		d = append(d, time.Duration(200-i)*time.Millisecond)
	}
	if d.p99() != 198*time.Millisecond || d.worst() != 200*time.Millisecond {
		t.Errorf("got %s and %s", d.p99(), d.worst())
	}
}
