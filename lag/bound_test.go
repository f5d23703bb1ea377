package lag

import (
	"testing"
	"time"
)

func TestClockIsBounded(t *testing.T) {
	var c Clock
	for i := range int64(10 * maxEnds) {
		c.Observe(time.Unix(i, 0), i)
	}
	if n := len(c.ends); n != maxEnds || c.ends[0].end != 0 || c.ends[n-1].end != 10*maxEnds-1 {
		t.Errorf("keeps %d ends, of %+v to %+v, want %d with the first and the last", n, c.ends[0], c.ends[n-1], maxEnds)
	}
}
