package inbox_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

func TestFoldDropsExpired(t *testing.T) {
	late := notify("a", expires(10))
	for _, c := range []struct {
		name string
		next inbox.Record
		want string // items afterwards
	}{
		{"touch", touch(), "2"},
		{"notify", notify("c"), "2 3"},
		{"its duplicate", late, "2"},
		{"a command on it", seqs(read, 1), "2"},
		{"a command on another", seqs(read, 2), "2r"},
		{"its retraction", retract("a"), "2"},
		{"archived too", seqs(archive, 2), "2a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t).do(late, notify("b"))
			h.in.Time = clock(10).Add(-time.Millisecond)
			early, _ := inbox.Fold(h.state, touch(), h.in)
			if got := items(early); got != "1 2" {
				t.Errorf("just before its time: items = %q, want both", got)
			}
			h.in.Time = clock(10)
			h.do(c.next)
			if got := items(h.state); got != c.want {
				t.Errorf("items = %q, want %q", got, c.want)
			}
			if got := removals(h.state); got != "1@3" {
				t.Errorf("removals = %q, want 1@3", got)
			}
			if !slices.Equal(h.effects.Removed, []uint64{1}) {
				t.Errorf("contents removed = %v, want [1]", h.effects.Removed)
			}
		})
	}
	t.Run("of erase", func(t *testing.T) {
		h := newHistory(t).do(late, notify("b"))
		h.in.Time = clock(10)
		h.do(erase())
		if got := removals(h.state); got != "1@3 2@3" || len(h.effects.Removed) != 2 {
			t.Errorf("removals = %q, contents removed = %v; want each once", got, h.effects.Removed)
		}
	})
}

func TestRedelivery(t *testing.T) {
	k := collapse("k")
	rs := records{
		notify("a"),                   // 1: evicted by 7
		notify("b", k),                // 2: replaced by 3
		notify("c", k),                // 3: retained
		notify("a"),                   // 4: duplicate
		notify("d", expires(6)),       // 5: expired when 7 comes
		seqs(read, 3),                 // 6
		notify("e"),                   // 7: expires 5
		notify("f"),                   // 8: evicts 1
		seqs(remove, 7), retract("z"), // 9, 10
		notify("z"),             // 11: dropped
		notify("g", expires(1)), // 12: came too late
	}
	h := newHistory(t)
	h.in.Cap = 3
	h.do(rs...)
	if got, want := items(h.state), "3rx2<2 8"; got != want {
		t.Fatalf("items = %q, want %q", got, want)
	}
	// The removals 2@3, 5@7 and 1@8 are forgotten: should the tombstones that
	// offsets 2, 6 and 7 gave be lost, the sweep writes them.
	if got, want := removals(h.state), "7@9 0@10 0@12"; got != want {
		t.Fatalf("removals = %q, want %q", got, want)
	}
	for _, c := range []struct {
		offset  int64
		item    uint64
		removed []uint64
	}{
		{0, 0, []uint64{1}}, {1, 0, []uint64{2}}, {2, 3, nil}, {3, 0, []uint64{4}}, {4, 0, []uint64{5}},
		{5, 0, nil}, {6, 0, []uint64{7}}, {7, 8, nil}, {8, 0, []uint64{7}}, {9, 0, nil},
		{10, 0, []uint64{11}}, {11, 0, []uint64{12}},
	} {
		e := h.again(rs[c.offset], c.offset)
		if e.Outcome != inbox.Redelivered || itemSeq(e) != c.item || !slices.Equal(e.Removed, c.removed) {
			t.Errorf("offset %d: %s, content %d, removed %v; want content %d, removed %v",
				c.offset, e.Outcome, itemSeq(e), e.Removed, c.item, c.removed)
		}
	}
}

// A record that comes twice has the same effects twice: what it removed and what it made.
func TestRedeliveryRepeatsTheEffects(t *testing.T) {
	k := collapse("k")
	for _, c := range []struct {
		name    string
		records records
	}{
		{"collapse", records{notify("a", k), notify("b", k)}},
		{"cap", records{notify("a"), notify("b"), notify("c")}},
		{"expiry and collapse and cap", records{notify("a", expires(2)), notify("b", k), notify("c", k)}},
		{"delete", records{notify("a"), notify("b"), upTo(remove, 2, "")}},
		{"retract", records{notify("a", k), retractKey("k")}},
		{"erase", records{notify("a"), notify("b"), erase()}},
		{"touch that expires", records{notify("a", expires(1)), touch()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t)
			h.in.Cap = 2
			h.do(c.records...)
			first := h.effects
			last := len(c.records) - 1
			got := h.again(c.records[last], int64(last))
			got.Outcome = first.Outcome
			if !reflect.DeepEqual(got, first) {
				t.Errorf("effects again = %+v, want %+v", got, first)
			}
			if len(first.Removed) == 0 {
				t.Error("the case removes nothing: it proves nothing")
			}
		})
	}
}

func TestNewEpoch(t *testing.T) {
	h := newHistory(t).do(notify("a"), notify("b"), seqs(read, 1), notify("c", routed(0, 5, 0)))
	h.in.Epoch, h.in.Offset = 8, 2 // others of the partition came first
	h.do(notify("d"))
	if got, want := items(h.state), "1r 2 4 7"; got != want {
		t.Errorf("items = %q, want %q", got, want)
	}
	if h.state.Base != 4 || h.state.Epoch != 8 || h.state.Version != 7 {
		t.Errorf("base, epoch, version = %d, %d, %d; want 4, 8, 7", h.state.Base, h.state.Epoch, h.state.Version)
	}
	if h.do(notify("a")); h.effects.Outcome != inbox.Duplicate {
		t.Errorf("an id of the old epoch: %s, want %s", h.effects.Outcome, inbox.Duplicate)
	}
	if h.do(notify("", routed(0, 5, 0))); h.effects.Outcome != inbox.Duplicate {
		t.Errorf("a watermark of the old epoch: %s, want %s", h.effects.Outcome, inbox.Duplicate)
	}
	if e := h.again(notify("d"), 2); itemSeq(e) != 7 {
		t.Errorf("redelivery in the new epoch writes content %d, want 7", itemSeq(e))
	}
	if e := h.again(notify("x"), 0); !slices.Equal(e.Removed, []uint64{5}) {
		t.Errorf("a record of others' offsets removes %v, want 5, never made", e.Removed)
	}
}

func TestRemovalsAreBounded(t *testing.T) {
	h := newHistory(t)
	h.in.Cap = 3
	h.do(notify("a"), notify("b"), notify("c"), retract("v"), retract("w"), retract("x"))
	if got := removals(h.state); got != "0@4 0@5 0@6" || h.state.Horizon != 0 {
		t.Fatalf("removals = %q, horizon = %d; want all, 0", got, h.state.Horizon)
	}
	if h.do(seqs(remove, 1)); removals(h.state) != "0@5 0@6 1@7" || h.state.Horizon != 4 {
		t.Errorf("removals = %q, horizon = %d; want the oldest forgotten, 4", removals(h.state), h.state.Horizon)
	}
	if h.do(erase()); removals(h.state) != "1@7 2@8 3@8" || h.state.Horizon != 6 {
		t.Errorf("removals = %q, horizon = %d; want 1@7 2@8 3@8, 6", removals(h.state), h.state.Horizon)
	}
	// One record may remove more than a lowered cap: its own are kept until the
	// next, since its redelivery needs them.
	h.do(notify("d"), notify("e"), notify("f"))
	h.in.Cap = 1
	if h.do(erase()); removals(h.state) != "9@12 10@12 11@12" || h.state.Horizon != 8 {
		t.Errorf("removals = %q, horizon = %d; want those of this record, 8", removals(h.state), h.state.Horizon)
	}
	if h.do(touch()); removals(h.state) != "11@12" || h.state.Horizon != 12 {
		t.Errorf("removals = %q, horizon = %d; want one, 12", removals(h.state), h.state.Horizon)
	}
}

func TestFoldCarriesWhatItDoesNotKnow(t *testing.T) {
	h := newHistory(t)
	h.state.Extra = []byte{1, 2}
	r := notify("a")
	r.Notification.Extra = []byte{3}
	h.do(r)
	if got := h.state.Extra; !slices.Equal(got, []byte{1, 2}) {
		t.Errorf("extra of the row = %v, want it kept", got)
	}
	if got := h.effects.Item.Extra; !slices.Equal(got, []byte{3}) {
		t.Errorf("extra of the content = %v, want it kept", got)
	}
}
