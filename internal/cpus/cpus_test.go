package cpus_test

import (
	"runtime"
	"testing"

	"github.com/belfry/belfry/internal/cpus"
)

func TestSpare(t *testing.T) {
	defer runtime.SetDefaultGOMAXPROCS()
	n := runtime.NumCPU()
	for name, c := range map[string]struct {
		had, want int
		env       string
	}{
		"as many as the machine has": {n, n + min(n, 8), ""},
		"set in the environment":     {n, n, "4"},
		"fewer, by a quota":          {max(1, n-1), max(1, n-1), ""},
		"more already":               {n + 1, n + 1, ""},
	} {
		if name == "fewer, by a quota" && n == 1 {
			continue // nobody has fewer
		}
		runtime.GOMAXPROCS(c.had)
		restore := cpus.Spare(func(name string) (string, bool) {
			value, ok := map[string]string{"GOMAXPROCS": c.env}[name]
			return value, ok
		})
		if got := runtime.GOMAXPROCS(0); got != c.want {
			t.Errorf("%s: %d run at a time, want %d", name, got, c.want)
		}
		if got, want := cpus.Count(), min(c.had, n); got != want {
			t.Errorf("%s: counts %d processors, want %d", name, got, want)
		}
		if restore(); c.want != c.had && runtime.GOMAXPROCS(0) != n {
			t.Errorf("%s: %d run at a time afterwards, %d before", name, runtime.GOMAXPROCS(0), c.had)
		}
	}
}
