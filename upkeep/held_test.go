package upkeep

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

// A content that an item keeps beside the shown one is no orphan.
func TestContentsOfMembersAreHeld(t *testing.T) {
	row := inbox.State{Version: 9, Items: []inbox.Entry{{Seq: 7, Version: 7, Count: 3, Group: &inbox.Group{Earlier: []inbox.Member{{Seq: 3}, {Seq: 5}}}}}}
	for seq, want := range map[uint64]bool{3: false, 4: true, 5: false, 6: true, 7: false, 8: true, 10: false} {
		if got := orphaned(&row, inbox.ContentKey{Recipient: "a", Seq: seq}); got != want {
			t.Errorf("content %d: orphaned %t, want %t", seq, got, want)
		}
	}
}

// Items and endpoints have seqs of one journal and contents of their own.
func TestContentsOfEndpointsAreHeld(t *testing.T) {
	row := inbox.State{Version: 9, Items: []inbox.Entry{{Seq: 7, Version: 7, Count: 1}}, Reach: &inbox.Reach{Endpoints: []inbox.Endpoint{{Seq: 3}}}}
	for key, want := range map[inbox.ContentKey]bool{
		{Seq: 7}: false, {Seq: 7, Endpoint: true}: true, {Seq: 3, Endpoint: true}: false, {Seq: 3}: true, {Seq: 10, Endpoint: true}: false,
	} {
		if got := orphaned(&row, key); got != want {
			t.Errorf("content %+v: orphaned %t, want %t", key, got, want)
		}
	}
}
