package board_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

var (
	subscribe = inbox.Record{Kind: inbox.KindSubscribe, Topic: "t"}
	own       = inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "own"}}
)

func TestAdvance(t *testing.T) {
	h := newJournal()
	var row inbox.State
	h.user(&row, own) // 1001
	h.do(notice("all", "a", func(n *belfry.Notification) { n.Category, n.Priority = "news", belfry.PriorityHigh }))
	h.in.Time = morning.Add(time.Hour)
	h.do(notice("topic:t", "b")).do(takeBack("all", "nobody knows"))
	before := whole(&row)
	s := board.Advance(row, h.board, board.Now)
	if got := whole(&row); got != before {
		t.Fatalf("the row is now\n%s\nand was\n%s", got, before)
	}
	if items(&s) != "[1001@1001 1002@1002]" || s.Version != 1002 || !s.ChangedAt.Equal(morning) {
		t.Errorf("items %s, version %d, changed at %v", items(&s), s.Version, s.ChangedAt)
	}
	if e, _ := s.Entry(1002); e.Category != "news" || e.Priority != belfry.PriorityHigh || e.Hash != 0 || e.Shared.Audience != inbox.Everybody {
		t.Errorf("got %+v", e)
	}
	if s := board.Advance(row, h.board, 1002); s.Version != 1001 {
		t.Errorf("before the notice its version is %d", s.Version)
	}
	// The topic came too early, and its later ones are the row's.
	h.user(&row, subscribe) // 1005
	h.do(notice("topic:t", "c"))
	if s := h.board.Show(row); items(&s) != "[1001@1001 1002@1002 1006@1006]" || s.Version != 1006 {
		t.Errorf("items %s, version %d", items(&s), s.Version)
	}
	h.do(takeBack("topic:t", "b"))
	if s := h.board.Show(row); s.Version != 1007 || len(s.Removals) != 0 {
		t.Errorf("what the row never held goes: version %d, removals %v", s.Version, s.Removals)
	}
	h.do(takeBack("topic:t", "c"))
	want := []inbox.Removal{{Seq: 1006, Version: 1008, Shared: true}}
	if s := h.board.Show(row); items(&s) != "[1001@1001 1002@1002]" || !reflect.DeepEqual(s.Removals, want) {
		t.Errorf("what came and went since: items %s, removals %+v", items(&s), s.Removals)
	}
}

// A retraction of an older notice is a new version for everybody: no poll is told that
// nothing has changed.
func TestOlderNoticeIsTakenBack(t *testing.T) {
	h := newJournal().do(notice("all", "a")).do(notice("all", "b"))
	var row inbox.State
	h.user(&row, own) // 1003
	was := h.board.Stamp(&row, morning)
	h.do(takeBack("all", "a"))
	if is := h.board.Stamp(&row, morning); is == was || is.Cursor.Version != 1004 {
		t.Errorf("stamp %v after %v", is, was)
	}
	s := h.board.Show(row)
	if c, ok := s.Since(1003, morning); !ok || len(c.Removed) != 1 || c.Removed[0] != 1001 || len(c.Items) != 0 {
		t.Errorf("since 1003: %+v, %t", c, ok)
	}
}

// A record for others, hidden, or of no notice is no version of who has no row, nor of one
// who has not subscribed to it: their polls stay what they were.
func TestWhatConcernsNobodyIsNoVersion(t *testing.T) {
	h := newJournal().do(notice("topic:t", "a"))
	var row, none inbox.State
	h.user(&row, own) // 1002
	stamps := func() string { return fmt.Sprint(h.board.Stamp(&none, morning), h.board.Stamp(&row, morning)) }
	shown := func() string {
		a, b := h.board.Show(none), h.board.Show(row)
		return fmt.Sprint(a.Stamp(morning), b.Stamp(morning))
	}
	same := func(what string, want string) {
		t.Helper()
		if stamps() != want || shown() != want {
			t.Errorf("%s: stamps %s, of what is shown %s, want %s", what, stamps(), shown(), want)
		}
	}
	same("a topic", "0.0.0 7.1002.0")
	h.do(notice("all", "b")) // 1003
	same("all", "7.1003.0 7.1003.0")
	h.do(notice("topic:t", "c")).do(takeBack("topic:t", "a")).do(touch).do(takeBack("all", "nobody knows")).do(notice("all", "d", later(time.Hour)))
	same("others", "7.1003.0 7.1003.0")
	h.do(takeBack("all", "b"))
	same("taken back", "7.1009.0 7.1009.0")
}

// Notices that come and go take nothing of what a row remembers of its own: an id is
// recognised as long as [Input.Keep] says, with notices or without.
func TestNoticesTakeNoIDs(t *testing.T) {
	h := newJournal()
	var row inbox.State
	h.user(&row, own) // 1001
	h.user(&row, inbox.Record{Kind: inbox.KindDelete, Seqs: []uint64{1001}})
	for i := range 3 * h.in.Keep {
		h.do(notice("all", fmt.Sprint(i))).do(takeBack("all", fmt.Sprint(i)))
		if i%h.in.Keep == 0 {
			h.user(&row, touch)
		}
	}
	if s := h.board.Show(row); len(s.Removals) != h.in.Keep+1 || s.Horizon == 0 {
		t.Errorf("%d removals, horizon %d", len(s.Removals), s.Horizon)
	}
	if effects := h.user(&row, own); effects.Outcome != inbox.Duplicate {
		t.Errorf("the same id is %s", effects.Outcome)
	}
	for i := range h.in.Keep + 1 {
		other := own
		other.Notification.ID = fmt.Sprint(i)
		effects := h.user(&row, other)
		h.user(&row, inbox.Record{Kind: inbox.KindDelete, Seqs: []uint64{effects.Seq}})
	}
	if effects := h.user(&row, own); effects.Outcome != inbox.Applied || len(row.Removals) != 2*h.in.Keep {
		t.Errorf("after as many of its own as are kept the same id is %s, with %d removals", effects.Outcome, len(row.Removals))
	}
}

func TestMutedAndSilentNotices(t *testing.T) {
	h := newJournal()
	var row inbox.State
	h.user(&row, inbox.Record{Kind: inbox.KindMute, Category: "news"})
	h.do(notice("all", "a", func(n *belfry.Notification) { n.Category = "news" }))
	silent := notice("all", "b")
	silent.Silent = true
	h.do(silent)
	s := h.board.Show(row)
	if e := &s.Items[0]; !e.Muted || !e.Archived || !e.Read || !e.Seen {
		t.Errorf("of a muted category: %+v", e)
	}
	if e := &s.Items[1]; e.Muted || e.Archived || !e.Read || !e.Seen {
		t.Errorf("silent: %+v", e)
	}
}

// A record that could not be decoded when it came, and can be now, comes after what the
// board has shown since: it is not folded.
func TestDeadLetterIsNotFoldedLate(t *testing.T) {
	h := newJournal()
	var row inbox.State
	h.user(&row, own) // 1001
	h.in.Offset++     // 1002, a dead letter
	h.do(notice("all", "a"))
	kept := whole(&row)
	in := h.in
	in.Offset = 1
	if e := h.board.Apply(&row, &own, in); e.Outcome != inbox.Redelivered || e.Seq != 0 || whole(&row) != kept {
		t.Errorf("effects %+v, row %+v", e, row)
	}
	var none inbox.State
	if e := h.board.Apply(&none, &own, in); e.Outcome != inbox.Redelivered || none.Version != 0 {
		t.Errorf("of who has no row: effects %+v, row %+v", e, none)
	}
}

// Channels count delays of a notice from when it came.
func TestNoticeWaitsFromItsArrival(t *testing.T) {
	h := newJournal()
	var row inbox.State
	h.user(&row, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointWebPush, Target: "https://push.example/a"}})
	h.in.Time = morning.Add(time.Hour)
	h.do(notice("all", "a")).do(notice("all", "b"))
	s := h.board.Show(row)
	at := h.in.Time.UnixMilli()
	if want := []inbox.ItemReach{{Seq: 1002, Since: at}, {Seq: 1003, Since: at}}; !reflect.DeepEqual(s.Reach.Items, want) {
		t.Fatalf("got %+v, want %+v", s.Reach.Items, want)
	}
	if len(row.Reach.Items) != 0 {
		t.Error("the stored row changed")
	}
	h.user(&row, inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{1002}, Tell: &inbox.Tell{
		Channel: "browser", Kind: inbox.EndpointWebPush, Evaluated: 1003, GoodUntil: at + 1,
	}})
	item := row.Reach.Item(1002)
	if got := item.By("browser"); got != 1004 {
		t.Errorf("told by %d, want 1004", got)
	}
	h.do(takeBack("all", "a"))
	if s := h.board.Show(row); len(s.Reach.Items) != 1 || s.Reach.Items[0].Seq != 1003 {
		t.Errorf("after it went: %+v", s.Reach.Items)
	}
	if len(row.Reach.Items) != 2 {
		t.Errorf("the stored row changed: %+v", row.Reach.Items)
	}
}

// Behind a horizon a row loses without a removal what the board knows no more.
func TestBehindTheHorizon(t *testing.T) {
	h := newJournal().do(notice("all", "a")).do(notice("all", "b")).do(notice("topic:t", "c"))
	var row, other inbox.State
	h.user(&row, own)         // 1004
	h.user(&other, subscribe) // 1005
	h.do(takeBack("all", "a"))
	h.in.Time = morning.Add(board.StayAge + time.Second)
	h.do(notice("topic:t", "d"))
	s := h.board.Show(row)
	if items(&s) != "[1004@1004]" || s.Version != 1007 || s.Horizon != 1006 {
		t.Errorf("items %s, version %d, horizon %d; want the notices gone: one forgotten, one expired", items(&s), s.Version, s.Horizon)
	}
	if _, ok := s.Since(1005, morning); ok {
		t.Error("a client behind the horizon is told changes")
	}
	if s := h.board.Show(other); s.Horizon != 1006 || items(&s) != "[1007@1007]" {
		t.Errorf("with a topic: items %s, horizon %d", items(&s), s.Horizon)
	}
}

// Rows are, where nothing was ever announced, what they are without a board.
func TestWithoutNotices(t *testing.T) {
	b := new(board.Board).Begin(7, 1000)
	in := inbox.Input{Position: inbox.Position{Epoch: 7, Offset: 4}, Time: morning, Base: 1000}
	plain := inbox.State{Epoch: 6, Version: 900}
	late := plain
	got, want := b.Apply(&late, &own, in), plain.Apply(&own, in)
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(late, plain) {
		t.Errorf("got %+v, %+v; want %+v, %+v", late, got, plain, want)
	}
	erase := inbox.Record{Kind: inbox.KindErase}
	in.Offset++
	if b.Apply(&late, &erase, in); late.Joined {
		t.Error("an erased row uses the capability")
	}
}

func TestStampAllocatesNothing(t *testing.T) {
	h := newJournal()
	for i := range 100 {
		h.do(notice("all", fmt.Sprint(i)))
	}
	var row inbox.State
	h.user(&row, own)
	if n := testing.AllocsPerRun(100, func() { h.board.Stamp(&row, morning) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// busy is a board with 100 live notices and 1,000 that are gone, and a row that has
// marked all of them.
func busy(b *testing.B) (*board.Board, inbox.State) {
	b.Helper()
	h := newJournal()
	for i := range board.MaxStays + 100 {
		h.do(notice("all", fmt.Sprint(i)))
	}
	var row inbox.State
	h.user(&row, inbox.Record{Kind: inbox.KindSeen, UpTo: h.board.State.Version})
	return h.board, row
}

func BenchmarkShow(b *testing.B) {
	full, row := busy(b)
	for name, row := range map[string]inbox.State{"marked": row, "none": {}, "plain": {Epoch: 7, Base: 1000, Version: row.Version}} {
		items := 100
		if name == "plain" {
			items = 0 // it has seen them go
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := full.Show(row); len(got.Items) != items {
					b.Fatalf("%d items are shown, want %d", len(got.Items), items)
				}
			}
		})
		b.Run(name+" stamp", func(b *testing.B) {
			b.ReportAllocs()
			shown := full.Show(row)
			want := shown.Stamp(morning)
			for b.Loop() {
				if got := full.Stamp(&row, morning); got != want {
					b.Fatalf("the stamp is %+v, want %+v", got, want)
				}
			}
		})
	}
}
