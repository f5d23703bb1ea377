package peers_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/bench/peers"
)

func measured() []peers.Measured {
	return []peers.Measured{
		{Name: "belfry, from the journal", Rounds: []peers.Result{{Steady: 3000, SteadyCPU: 8}, {Steady: 1000, SteadyCPU: 12}, {Steady: 2000, SteadyCPU: 9}}},
		{Name: "a < b", Rounds: []peers.Result{{Steady: 500, Memory: 12.34}}},
	}
}

func TestTable(t *testing.T) {
	got := peers.Table(measured())
	for _, want := range []string{"| belfry, from the journal | 2000 (1000–3000) | 9.0 (8.0–12.0) |", "| a < b | 500.0 (500.0–500.0) |", "| 12.3 (12.3–12.3) |\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestSVG(t *testing.T) {
	var b strings.Builder
	if err := peers.WriteSVG(&b, "R&D", measured()); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(b.String(), `height="14"`); got != 4 {
		t.Errorf("%d bars, want two programs in two panels", got)
	}
}

func TestNames(t *testing.T) {
	names := peers.Names()
	if len(names) != 2+16+2 {
		t.Errorf("got %d programs: %q", len(names), names)
	}
	if err := peers.Check(names); err != nil {
		t.Error(err)
	}
	if err := peers.Check([]string{"bare loop", "storm"}); err == nil || !strings.Contains(err.Error(), `"storm"`) {
		t.Errorf("got %v, want the name that is none", err)
	}
}
