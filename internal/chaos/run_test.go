package chaos_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/chaos"
)

// Faults at fixed times take the place of the seed's; none at all too.
func TestFaultsOfARun(t *testing.T) {
	for name, tt := range map[string]struct {
		faults []chaos.Planned
		want   []string
	}{
		"none": {faults: []chaos.Planned{}},
		"two": {
			faults: []chaos.Planned{
				{At: time.Second, Family: chaos.KillServer, For: 2 * time.Second},
				{At: 3 * time.Second, Family: chaos.PauseProcessor, Target: 2, For: 4 * time.Second},
			},
			want: []string{"1.0s  kill a server 1 for 2.0s", "3.0s  pause a processor 3 for 4.0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var out bytes.Buffer
			// It gets no further than to tell what it would do.
			_, err := chaos.RunAndCheck(t.Context(), chaos.Config{
				Binary: filepath.Join(dir, "none"), Dir: dir, Prefix: "x", Seed: 1, Duration: chaos.MinDuration, Faults: tt.faults,
			}, &out)
			if err == nil {
				t.Fatal("a program that is not there was run")
			}
			_, told, _ := strings.Cut(out.String(), "faults:\n")
			var got []string
			for line := range strings.Lines(told) {
				got = append(got, strings.TrimSpace(line))
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("the faults are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
