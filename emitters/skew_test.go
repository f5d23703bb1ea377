package emitters

import (
	"testing"
	"time"
)

func TestSkewOf(t *testing.T) {
	at := func(ms float64) time.Time {
		return time.UnixMilli(1_790_000_000_000).Add(time.Duration(ms * float64(time.Millisecond)))
	}
	for _, tt := range []struct {
		name                 string
		sent, acked, stamped float64
		want                 float64
	}{
		{"between", 0, 10, 4, 0},
		{"in the same millisecond", 0.7, 0.9, 0, 0},
		{"stamped when it was sent", 3, 10, 3, 0},
		{"stamped when it was acknowledged", 3, 10, 10, 0},
		{"ours is ahead", 2000, 2010, 500, 1500},
		{"ours is behind", 0, 10, 3010, -3000},
	} {
		if got := skewOf(at(tt.sent), at(tt.acked), at(tt.stamped)); got != time.Duration(tt.want*float64(time.Millisecond)) {
			t.Errorf("%s: got %v, want %v ms", tt.name, got, tt.want)
		}
	}
}
