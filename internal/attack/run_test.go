package attack

import (
	"slices"
	"strings"
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

// TestOutcomes holds that medians are printed of what users waited for, and the highest of
// all else.
func TestOutcomes(t *testing.T) {
	round := func(alone, beside, behind time.Duration, peak int64, ended string) outcome {
		return outcome{
			alone: delays{alone}, beside: delays{beside}, behind: behind, note: "a note",
			usages: []usage{{name: "server", peak: 100 << 20, cores: .5, files: 70}, {name: "processor", peak: peak << 20, cores: .25, files: 60, ended: ended}},
		}
	}
	ms := time.Millisecond
	for _, tt := range []struct {
		rounds []outcome
		want   string
	}{
		{[]outcome{round(ms, 2*ms, 9*ms, 200, ""), round(ms, 50*ms, 80*ms, 150, ""), round(2*ms, 3*ms, 7*ms, 250, "")}, "lists now 1ms 3ms 2.0 100+250 MiB 0.50+0.25 70+60 80ms a note"},
		{[]outcome{round(ms, ms, 0, 150, "over 1 MiB"), round(ms, ms, ms, 150, "")}, "lists now 1ms 1ms - 100+150 MiB 0.50+0.25 70+60 never ENDED: processor, over 1 MiB"},
	} {
		var out strings.Builder
		printOutcomes(&out, tt.rounds, attack{name: "lists"}, Program{Name: "now"})
		if got := strings.Join(strings.Fields(out.String()), " "); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
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
