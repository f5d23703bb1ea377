package stream

import (
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

// A progress that is plain is kept in the connection alone, and one that is not as it was.
func TestStanding(t *testing.T) {
	plain := progress{phase: phaseLive, delivered: 7, id: inbox.Cursor{Epoch: 3, Version: 7}, sentID: true}
	var kept standing
	if n := testing.AllocsPerRun(100, func() { kept = stand(plain) }); n != 0 {
		t.Errorf("%v allocations for a plain progress, want none", n)
	}
	if !kept.progress().same(plain) {
		t.Errorf("got %+v, want %+v", kept.progress(), plain)
	}
	lacking := plain
	lacking.pending, lacking.until = []uint64{5}, time.Unix(9, 0)
	if kept = stand(lacking); !kept.progress().same(lacking) {
		t.Errorf("got %+v, want %+v", kept.progress(), lacking)
	}
}
