package inbox_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

// TestSnoozeOfNothing holds that a snooze which names nothing that is there changes
// nothing, and says so.
func TestSnoozeOfNothing(t *testing.T) {
	in := func(offset int64) inbox.Input {
		return inbox.Input{Position: inbox.Position{Epoch: 1, Offset: offset}, Time: time.Unix(1, 0)}
	}
	s, _ := inbox.Fold(inbox.State{}, notify("a"), in(0))
	until := time.Unix(3600, 0).UnixMilli()
	s, effects := inbox.Fold(s, inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{99}, Until: until}, in(1))
	if effects.Outcome != inbox.Unchanged || s.Items[0].Until != 0 {
		t.Errorf("got %s, %+v", effects.Outcome, s.Items[0])
	}
	s, effects = inbox.Fold(s, inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{99, 1}, Until: until}, in(2))
	if effects.Outcome == inbox.Unchanged || s.Items[0].Until != until {
		t.Errorf("of one that is there: got %s, %+v", effects.Outcome, s.Items[0])
	}
}
