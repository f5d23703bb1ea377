package codec_test

import (
	"testing"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

// A row is written again at each event, so its size is what an event costs.
func TestRowSize(t *testing.T) {
	for _, tt := range []struct {
		name       string
		state      inbox.State
		items      int
		removals   int
		watermarks int
		limit      int
	}{
		{"typical", typicalState(100, 5), 100, 100, 5, 4096},
		{"every field filled", fullState(), 100, 100, 64, 8192},
		{"small", withoutRemovals(typicalState(20, 3)), 20, 0, 3, 799},
		{"small, as many removed", typicalState(20, 3), 20, 20, 3, 812},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.state
			if len(s.Items) != tt.items || len(s.Removals) != tt.removals || len(s.Watermarks) != tt.watermarks {
				t.Fatalf("history gives %d items, %d removals, %d watermarks; want %d, %d, %d",
					len(s.Items), len(s.Removals), len(s.Watermarks), tt.items, tt.removals, tt.watermarks)
			}
			b, err := codec.EncodeState(&s)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes of %d", len(b), tt.limit)
			if len(b) > tt.limit {
				t.Errorf("got %d bytes, want at most %d", len(b), tt.limit)
			}
		})
	}
}

// withoutRemovals is a user who has removed nothing yet.
func withoutRemovals(s inbox.State) inbox.State {
	s.Removals = nil
	return s
}

// The size test would prove little if its histories left fields empty.
func TestSizeHistories(t *testing.T) {
	var read, changed, collapse, expiring int
	for _, e := range typicalState(100, 5).Items {
		read += one(e.Read)
		changed += one(e.Version != e.Seq)
		collapse += one(e.Collapse != 0)
		expiring += one(e.ExpiresAt != 0)
	}
	t.Logf("typical: %d read, %d changed, %d with a collapse key, %d expiring", read, changed, collapse, expiring)
	if read < 60 || changed < 80 || collapse < 10 || expiring < 5 {
		t.Error("the typical history is not typical")
	}
	for _, e := range fullState().Items {
		if !e.Read || !e.Archived || e.Category == "" || e.Priority == 0 || e.Version == e.Seq || e.Hash == 0 ||
			e.Collapse == 0 || e.ExpiresAt == 0 || e.Replaces == 0 || e.Unarchived == 0 || e.Count < 2 {
			t.Fatalf("a field of %+v is not filled", e)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
