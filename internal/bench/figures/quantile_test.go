package figures_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/figures"
)

func TestQuantile(t *testing.T) {
	ten := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	tests := []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, .5, 0},
		{ten, 0, 1},
		{ten, .5, 5},
		{ten, .9, 9},
		{ten, .99, 10},
		{ten, 1, 10},
		{ten[:1], .5, 1},
	}
	for _, tt := range tests {
		if got := figures.Quantile(tt.sorted, tt.q); got != tt.want {
			t.Errorf("Quantile(%v, %g) = %d, want %d", tt.sorted, tt.q, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	unsorted := []float64{5, 1, 4, 2, 3}
	if got := figures.Median(unsorted); got != 3 {
		t.Errorf("got %g, want 3", got)
	}
	if unsorted[0] != 5 {
		t.Errorf("sorted in place: %v", unsorted)
	}
	if got := figures.Median([]float64(nil)); got != 0 {
		t.Errorf("of nothing: %g", got)
	}
}
