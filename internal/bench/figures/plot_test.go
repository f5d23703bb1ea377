package figures_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/figures"
)

func TestSVG(t *testing.T) {
	for name, samples := range map[string][]figures.Sample{
		"two processes": append(samplesOf("processor <1> & co", 20, func(i int) float64 { return float64(i * i) }), samplesOf("server", 20, func(int) float64 { return 3 })...),
		"one sample":    samplesOf("a", 1, func(int) float64 { return 0 }),
		"none":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := figures.WriteSVG(&out, `2000 "events"/s & more`, samples); err != nil {
				t.Fatal(err)
			}
			processes := map[string]bool{}
			for _, s := range samples {
				processes[s.Process] = true
			}
			lines := 0
			for d := xml.NewDecoder(&out); ; {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				e, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				if e.Name.Local == "polyline" {
					lines++
				}
				for _, a := range e.Attr {
					if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
						t.Errorf("%s %s=%q", e.Name.Local, a.Name.Local, a.Value)
					}
				}
			}
			if want := len(processes) * len(figures.Quantities()); lines != want {
				t.Errorf("%d lines, want %d", lines, want)
			}
		})
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	samples := []figures.Sample{
		{Process: "processor, first", At: 10 * time.Second, Values: map[figures.Quantity]float64{figures.Memory: 1.5, figures.Goroutines: 12, figures.Files: 7, figures.Disk: 0.25}},
		{Process: "server", At: 20 * time.Second},
	}
	if err := figures.WriteCSV(&out, samples); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"seconds", "process", "memory MiB", "goroutines", "open files", "state folder MiB"},
		{"10", "processor, first", "1.5", "12", "7", "0.25"},
		{"20", "server", "0", "0", "0", "0"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if strings.Join(got[i], "|") != strings.Join(want[i], "|") {
			t.Errorf("line %d is %v, want %v", i, got[i], want[i])
		}
	}
}
