package figures_test

import (
	"math"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/figures"
)

// samplesOf are those of one process, one every 10 s.
func samplesOf(process string, n int, value func(i int) float64) []figures.Sample {
	var samples []figures.Sample
	for i := range n {
		values := map[figures.Quantity]float64{}
		for _, q := range figures.Quantities() {
			values[q] = value(i)
		}
		samples = append(samples, figures.Sample{Process: process, At: time.Duration(i) * 10 * time.Second, Values: values})
	}
	return samples
}

func TestTrends(t *testing.T) {
	const n = 181 // half an hour
	for name, tt := range map[string]struct {
		value  func(i int) float64
		mean   float64
		growth float64
		flat   bool
	}{
		"constant":          {func(int) float64 { return 50 }, 50, 0, true},
		"nothing":           {func(int) float64 { return 0 }, 0, 0, true},
		"a leak":            {func(i int) float64 { return 100 + float64(i) }, 220, 120.0 / 220, false},
		"a small leak":      {func(i int) float64 { return 1000 + float64(i)/10 }, 1012, 12.0 / 1012, true},
		"falling":           {func(i int) float64 { return 300 - float64(i) }, 180, -120.0 / 180, true},
		"filling, then not": {func(i int) float64 { return min(float64(i), 60) }, 60, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			trends := figures.Trends(append(samplesOf("a", n, tt.value), samplesOf("b", n, func(int) float64 { return 1 })...))
			if len(trends) != 2*len(figures.Quantities()) || trends[0].Process != "a" || trends[len(trends)-1].Process != "b" {
				t.Fatalf("got %+v", trends)
			}
			for _, got := range trends[:len(figures.Quantities())] {
				if math.Abs(got.Mean-tt.mean) > 1e-6 || math.Abs(got.Growth-tt.growth) > 1e-6 || got.Flat() != tt.flat {
					t.Errorf("got %+v, flat %t; want mean %g, growth %g, flat %t", got, got.Flat(), tt.mean, tt.growth, tt.flat)
				}
			}
		})
	}
}

// A saw's teeth, as of a store that compacts or of a collected heap, are not
// growth.
func TestASawIsFlat(t *testing.T) {
	trends := figures.Trends(samplesOf("a", 181, func(i int) float64 { return 100 + float64(i%17)*3 }))
	if len(trends) != len(figures.Quantities()) {
		t.Errorf("got %d trends", len(trends))
	}
	for _, got := range trends {
		if !got.Flat() {
			t.Errorf("%+v is not flat", got)
		}
	}
}

func TestTrendOfOneSample(t *testing.T) {
	trends := figures.Trends(samplesOf("a", 1, func(int) float64 { return 7 }))
	if len(trends) != len(figures.Quantities()) {
		t.Errorf("got %d trends", len(trends))
	}
	for _, got := range trends {
		if got.Growth != 0 || got.Mean != 7 {
			t.Errorf("got %+v", got)
		}
	}
}
