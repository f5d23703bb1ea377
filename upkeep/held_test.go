package upkeep

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

// A content that an item keeps beside the shown one is no orphan.
func TestContentsOfMembersAreHeld(t *testing.T) {
	row := inbox.State{Version: 9, Items: []inbox.Entry{{Seq: 7, Version: 7, Count: 3, Group: &inbox.Group{Earlier: []inbox.Member{{Seq: 3}, {Seq: 5}}}}}}
	for seq, want := range map[uint64]bool{3: false, 4: true, 5: false, 6: true, 7: false, 8: true, 10: false} {
		if got := orphaned(&row, seq); got != want {
			t.Errorf("content %d: orphaned %t, want %t", seq, got, want)
		}
	}
}
