package advice_test

import (
	"testing"

	"github.com/belfry/belfry/sources/rules/advice"
)

func TestNearest(t *testing.T) {
	tests := []struct {
		name     string
		want     string
		distance int
	}{
		{"addr", "addr", 0},
		{"adr", "addr", 1},
		{"brokers", "broker", 1},
		{"zzz", "addr", 4},
	}
	for _, tt := range tests {
		got, d := advice.Nearest(tt.name, []string{"addr", "broker", "grace-period"})
		if got != tt.want || d != tt.distance {
			t.Errorf("Nearest(%q) = %q, %d, want %q, %d", tt.name, got, d, tt.want, tt.distance)
		}
	}
}
