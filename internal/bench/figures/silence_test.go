package figures_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/figures"
)

func TestLongestSilence(t *testing.T) {
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	s := figures.NewSilences([]string{"rows/0", "rows/1", "items/0"}, zero)
	// rows/0 is silent from 1,000 to 1,600 and from 3,000 to 3,100; rows/1 from
	// 2,000 to 2,200 and from 4,000 on; items/0 never.
	arrive := func(name string, from, to int) {
		for ms := from; ms <= to; ms += 10 {
			s.Arrive(name, at(ms))
		}
	}
	arrive("rows/0", 10, 1000)
	arrive("rows/0", 1600, 3000)
	arrive("rows/0", 3100, 5000)
	arrive("rows/1", 10, 2000)
	arrive("rows/1", 2200, 4000)
	arrive("items/0", 10, 5000)
	s.Arrive("nobody asked for this", at(10))
	rows := func(name string) bool { return name[:5] == "rows/" }
	for name, tt := range map[string]struct {
		from, to int
		of       func(string) bool
		want     int // milliseconds
	}{
		"all of it, an open one counts":  {0, 5000, rows, 1000},
		"before the open one":            {0, 4000, rows, 600},
		"begun before the window counts": {1500, 1900, rows, 600},
		"ended after the window counts":  {900, 1200, rows, 600},
		"another series":                 {1700, 2900, rows, 200},
		"none in the window":             {3200, 3900, rows, 0},
		"touching is not overlapping":    {1600, 1900, rows, 0},
		"only what is asked for":         {0, 5000, func(name string) bool { return name == "items/0" }, 0},
		"nothing asked for":              {0, 5000, func(string) bool { return false }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := s.Longest(at(tt.from), at(tt.to), tt.of), time.Duration(tt.want)*time.Millisecond; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// A series that never arrives is silent from the begin.
func TestNeverArrived(t *testing.T) {
	zero := time.Now()
	s := figures.NewSilences([]string{"a/0", "a/1"}, zero)
	s.Arrive("a/0", zero.Add(10*time.Millisecond))
	if got := s.Longest(zero.Add(time.Second), zero.Add(2*time.Second), func(string) bool { return true }); got != 2*time.Second {
		t.Errorf("got %s, want 2s", got)
	}
}
