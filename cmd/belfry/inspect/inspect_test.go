package inspect

import (
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

// The inbox table is read after the row: an item that came in between is not
// what a crash left behind.
func TestNewerContentIsNoOrphan(t *testing.T) {
	row := inbox.State{Epoch: 1, Version: 7, Items: []inbox.Entry{{Seq: 5, Version: 5, Count: 1}}}
	items := map[uint64]inbox.Item{4: {Seq: 4}, 5: {Seq: 5}, 7: {Seq: 7}, 8: {Seq: 8}}
	report := newUserReport("user-7", 0, &row, items, time.Now())
	if want := []uint64{4, 7}; !slices.Equal(report.Orphans, want) {
		t.Errorf("orphans %v, want %v", report.Orphans, want)
	}
}
