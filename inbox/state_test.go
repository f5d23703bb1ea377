package inbox_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

func TestStateCursorAndApplied(t *testing.T) {
	var none inbox.State
	if got := none.Cursor(); !got.IsZero() {
		t.Errorf("cursor of nobody = %v, want zero", got)
	}
	if none.Applied(inbox.Position{}) {
		t.Error("nobody's row shows a record applied")
	}
	h := newHistory(t).do(notify("a"), notify("b"))
	h.in.Epoch, h.in.Offset = 8, 0
	h.do(notify("c"), notify("d"))
	if got, want := h.state.Cursor(), (inbox.Cursor{Epoch: 8, Version: 4}); got != want {
		t.Errorf("cursor = %v, want %v", got, want)
	}
	for _, c := range []struct {
		at   inbox.Position
		want bool
	}{
		{inbox.Position{Epoch: 8, Offset: 0}, true},
		{inbox.Position{Epoch: 8, Offset: 1}, true},
		{inbox.Position{Epoch: 8, Offset: 2}, false},
		{inbox.Position{Epoch: 8, Offset: -1}, false},
		{inbox.Position{Epoch: 7, Offset: 0}, false},
	} {
		if got := h.state.Applied(c.at); got != c.want {
			t.Errorf("applied %+v = %t, want %t", c.at, got, c.want)
		}
	}
}

func TestStateEntry(t *testing.T) {
	h := newHistory(t).do(notify("a"), notify("b"), notify("c"), seqs(remove, 2), notify("d"))
	for seq := range uint64(8) {
		e, ok := h.state.Entry(seq)
		if want := seq == 1 || seq == 3 || seq == 5; ok != want || ok && e.Seq != seq {
			t.Errorf("entry %d = %v, %t; want %t", seq, e, ok, want)
		}
	}
}

func TestStateExpiry(t *testing.T) {
	h := newHistory(t).do(notify("a", expires(20)), notify("b"), notify("c", expires(10)), notify("d", expires(30)))
	for _, c := range []struct {
		now   time.Time
		count int
		next  time.Time
	}{
		{clock(9), 0, clock(10)},
		{clock(10).Add(-time.Millisecond), 0, clock(10)},
		{clock(10), 1, clock(20)},
		{clock(25), 2, clock(30)},
		{clock(30), 3, time.Time{}},
	} {
		if got := h.state.Passed(c.now); got != c.count {
			t.Errorf("at %v: %d expired, want %d", c.now, got, c.count)
		}
		if got, ok := h.state.NextChange(c.now); ok == c.next.IsZero() || ok && !got.Equal(c.next) {
			t.Errorf("at %v: next expiry %v, %t; want %v", c.now, got, ok, c.next)
		}
	}
	var none inbox.State
	if _, ok := none.NextChange(clock(0)); ok {
		t.Error("nobody's row is about to expire")
	}
}

func TestEntryStatus(t *testing.T) {
	now := time.Now()
	tests := []struct {
		e    inbox.Entry
		want string
	}{
		{inbox.Entry{}, "unread"},
		{inbox.Entry{Seen: true}, "seen"},
		{inbox.Entry{Seen: true, Read: true}, "read"},
		{inbox.Entry{Read: true, Archived: true}, "archived"},
		{inbox.Entry{Archived: true, ExpiresAt: now.UnixMilli() - 1}, "expired"},
		{inbox.Entry{ExpiresAt: now.Add(time.Hour).UnixMilli()}, "unread"},
	}
	for _, tt := range tests {
		if got := tt.e.Status(now); got != tt.want {
			t.Errorf("%+v is %s, want %s", tt.e, got, tt.want)
		}
	}
}
