package inbox_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

func TestSnoozing(t *testing.T) {
	h := newHistory(t).do(notify("1", expires(100)), notify("2"), notify("3"))
	got := h.state.Snooze([]uint64{1, 2, 9, 2, 1, 3}, clock(200).UnixMilli(), clock(9))
	if want := (inbox.Snoozing{Hides: []uint64{2, 3}, Expiring: []uint64{1}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNextWakeIsTheEarliest(t *testing.T) {
	h := newHistory(t).do(notify("1"), notify("2"), notify("3"))
	for seq, second := range map[uint64]int{1: 60, 2: 30, 3: 90} {
		h.do(inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{seq}, Until: clock(second).UnixMilli()})
	}
	if got := h.state.NextWake(); got != clock(30).UnixMilli() {
		t.Errorf("got %v", time.UnixMilli(got))
	}
}

func TestMuteOfNothing(t *testing.T) {
	h := newHistory(t).do(inbox.Record{Kind: inbox.KindMute})
	if h.effects.Outcome != inbox.Unchanged || len(h.state.Mutes) > 0 {
		t.Errorf("%s: mutes are %v", h.effects.Outcome, h.state.Mutes)
	}
}

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
