package inbox_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// refold folds records again that lie one after the other from offset on.
func refold(row inbox.State, epoch uint32, oldest int64, records ...inbox.Record) ([]inbox.Step, *inbox.Refolder) {
	r := inbox.NewRefolder(row, inbox.State{}, epoch, oldest, 3)
	var steps []inbox.Step
	for i, record := range records {
		offset := oldest + int64(i)
		steps = append(steps, r.Step(offset, clock(int(offset)), record))
	}
	return steps, r
}

// told writes what a step changed as "+1 -2 replaced, read 3, …".
func told(s inbox.Step) string {
	var b []string
	if s.Added != 0 {
		b = append(b, fmt.Sprintf("+%d", s.Added))
	}
	for _, g := range s.Gone {
		b = append(b, fmt.Sprintf("-%d %s", g.Seq, g.How))
	}
	for _, f := range []struct {
		name string
		seqs []uint64
	}{{"read", s.Read}, {"unread", s.Unread}, {"seen", s.Seen}, {"archived", s.Archived}, {"unarchived", s.Unarchived}, {"unknown", s.Unknown}} {
		for _, seq := range f.seqs {
			b = append(b, fmt.Sprintf("%s %d", f.name, seq))
		}
	}
	text := "[" + strings.Join(b, ", ") + "]"
	if s.Why != "" {
		text += " by " + s.Why
	}
	return fmt.Sprintf("%s %s %s %d", s.Kind, s.Outcome, text, s.Counts.Unread)
}

func TestRefolderTellsWhatChanged(t *testing.T) {
	records := []inbox.Record{
		notify("a", routed(1, 5, 0)), // 1
		notify("a"),                  // 2
		notify("z", routed(1, 5, 0)), // 3
		notify("b", collapse("k")),   // 4
		notify("c", collapse("k")),   // 5: replaces 4
		upTo(inbox.KindSeen, 5, ""),  // 6
		seqs(inbox.KindRead, 5, 1),   // 7
		seqs(inbox.KindUnread, 1),    // 8
		seqs(inbox.KindArchive, 5),   // 9
		seqs(inbox.KindUnarchive, 5), // 10
		notify("d", expires(11)),     // 11
		touch(),                      // 12, after the expiry
		notify("e"), notify("f"),     // 13, 14: over the cap of 3
		retract("e"),                       // 15
		seqs(inbox.KindDelete, 5),          // 16
		seqs(inbox.KindRead, 999),          // 17
		notify("late", expires(3)),         // 18
		erase(),                            // 19
		retractKey("nothing"), notify("x"), // 20, 21
	}
	want := []string{
		"notify applied [+1] 1",
		"notify duplicate [] by id 1",
		"notify duplicate [] by watermark 1",
		"notify applied [+4] 2",
		"notify applied [+5, -4 replaced] 2",
		"seen applied [seen 1, seen 5] 2",
		"read applied [read 1, read 5] 0",
		"unread applied [unread 1] 1",
		"archive applied [archived 5] 1",
		"unarchive applied [unarchived 5] 1",
		"notify applied [+11] 2",
		"touch unchanged [-11 expired] 1",
		"notify applied [+13] 2",
		"notify applied [+14, -1 evicted] 2",
		"retract applied [-13 retracted] 1",
		"delete applied [-5 deleted] 1",
		"read unchanged [] 1",
		"notify expired [] 1",
		"erase applied [-14 erased] 0",
		"retract unchanged [] 0",
		"notify applied [+21] 1",
	}
	steps, _ := refold(inbox.State{}, 7, 0, records...)
	for i, s := range steps {
		if got := told(s); got != want[i] {
			t.Errorf("record %d: got %q, want %q", i+1, got, want[i])
		}
		if s.Version != uint64(i)+1 || s.Offset != int64(i) || !s.Time.Equal(clock(i)) {
			t.Errorf("record %d: got version %d, offset %d, time %s", i+1, s.Version, s.Offset, s.Time)
		}
		if s.Title != "" {
			t.Errorf("record %d: got the title %q without being asked", i+1, s.Title)
		}
	}
	if o := steps[0].Origin; o == nil || o.Partition != 1 || o.Offset != 5 || steps[1].Origin != nil {
		t.Errorf("got origins %+v and %+v, want that of the first alone", o, steps[1].Origin)
	}
	if steps[0].Source != "shop" || steps[0].ID != "a" || !steps[0].Changed() || steps[1].Changed() {
		t.Errorf("got %+v, then %+v", steps[0], steps[1])
	}
}

// The lines say what hid an item and until when, what showed it, and what a category that
// is muted put away.
func TestRefolderTellsWhatHidesAndShows(t *testing.T) {
	at := func(i int) int64 { return clock(i).UnixMilli() }
	snooze := func(until int, seqs ...uint64) inbox.Record {
		return inbox.Record{Kind: inbox.KindSnooze, Seqs: seqs, Until: at(until)}
	}
	board := notify("e", collapse("k"))
	board.Notification.Category = "board"
	born := notify("b")
	born.Notification.DeliverAt = clock(4)
	records := []inbox.Record{
		notify("a"),                 // 1
		born,                        // 2: hidden until record 5
		snooze(100, 1),              // 3
		touch(),                     // 4: too early
		touch(),                     // 5: settles 2
		seqs(inbox.KindUnsnooze, 1), // 6
		{Kind: inbox.KindMute, Category: "board"}, // 7
		board,                                 // 8: put away
		seqs(inbox.KindUnarchive, 8),          // 9
		seqs(inbox.KindUnread, 8),             // 10
		notify("f", collapse("k")),            // 11: replaces 8
		retract("f"),                          // 12: 8 comes back
		snooze(5, 2),                          // 13: of the past
		seqs(inbox.KindDelete, 1, 2),          // 14
		seqs(inbox.KindRead, 8), snooze(5, 8), // 15, 16
	}
	r := inbox.NewRefolder(inbox.State{}, inbox.State{}, 1, 0, 10)
	r.Members = inbox.MaxMembers
	want := []string{
		"[+1]", "[+2] hidden 2 until 4", "[] hidden 1 until 100", "[]", "[] shown 2", "[] shown 1",
		"[]", "[+8] muted 8", "[unarchived 8]", "[unread 8]", "[+11, -8 replaced]", "[-11 retracted] shown 8 back 8",
		"[] shown 2", "[-1 deleted, -2 deleted]", "[read 8]", "[unread 8] shown 8",
	}
	for i, record := range records {
		s := r.Step(int64(i), clock(i), record)
		got := told(s)
		got = got[strings.Index(got, "[") : strings.Index(got, "]")+1]
		for _, h := range s.Hidden {
			n := 0
			for n < 200 && !clock(n).Equal(h.Until) {
				n++
			}
			got += fmt.Sprintf(" hidden %d until %d", h.Seq, n)
		}
		for _, seq := range s.Shown {
			got += fmt.Sprint(" shown ", seq)
		}
		if s.Back != 0 {
			got += fmt.Sprint(" back ", s.Back)
		}
		for _, seq := range s.Muted {
			got += fmt.Sprint(" muted ", seq)
		}
		if got != want[i] {
			t.Errorf("record %d: got %q, want %q", i+1, got, want[i])
		}
	}
}

// The lines say what was told where, what came back, and which endpoints came and went.
func TestRefolderTellsWhatWasTold(t *testing.T) {
	const far = int64(1) << 42
	room := &inbox.Address{Kind: inbox.EndpointText, Target: "room"}
	steps, _ := refold(inbox.State{}, 1, 0,
		inbox.Record{Kind: inbox.KindEndpoint, Endpoint: room},
		inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "a", Title: belfry.PlainText("a")}},
		inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{2}, Tell: &inbox.Tell{Channel: "chat", Kind: inbox.EndpointText, Evaluated: 2, GoodUntil: far}},
		inbox.Record{Kind: inbox.KindUntell, Untell: &inbox.Untell{Channel: "chat", Decision: 3, Attempt: 1}},
		inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}, Soft: true, Reason: "soft: full"},
		inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}, Reason: "hard: kim@example.com"},
		inbox.Record{Kind: inbox.KindEndpoint, Endpoint: room}, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: room, Seqs: []uint64{7}},
	)
	tell, untell, bounce, gone := steps[2], steps[3], steps[4], steps[5]
	if steps[0].Endpoint != 1 || steps[0].Kind != "endpoint" {
		t.Errorf("endpoint: got %+v", steps[0])
	}
	if tell.Channel != "chat" || !slices.Equal(tell.Told, []uint64{2}) || tell.Outcome != inbox.Applied || !tell.Changed() {
		t.Errorf("tell: got %+v", tell)
	}
	if untell.Channel != "chat" || untell.Decision != 3 || !slices.Equal(untell.Returned, []uint64{2}) || !untell.Changed() {
		t.Errorf("untell: got %+v", untell)
	}
	if bounce.Bounced != 1 || bounce.Bounces != 1 || bounce.Reason != "soft: full" || len(bounce.GoneEndpoints)+len(bounce.Unknown) > 0 {
		t.Errorf("bounce: got %+v", bounce)
	}
	if !slices.Equal(gone.GoneEndpoints, []uint64{1}) || len(gone.Unknown) > 0 || gone.Reason != "hard: …@example.com" || gone.Bounced != 0 {
		t.Errorf("endpoint-gone: got %+v", gone)
	}
	if again := steps[7]; steps[6].Endpoint != 7 || again.Endpoint != 0 || len(again.Unknown) > 0 {
		t.Errorf("an endpoint that is there: got %+v", again)
	}
}

func TestRefolderShowsTextsWhenAsked(t *testing.T) {
	r := inbox.NewRefolder(inbox.State{}, inbox.State{}, 7, 0, 0)
	r.Texts = true
	if got := r.Step(0, clock(0), notify("a")).Title; got != "about a" {
		t.Errorf("got title %q, want %q", got, "about a")
	}
}

// TestRefolderWithoutThePast refolds what retention has left of a journal.
func TestRefolderWithoutThePast(t *testing.T) {
	records := []inbox.Record{
		notify("a"), notify("b"), notify("gone"), seqs(inbox.KindDelete, 3), // 1 to 4, not retained
		notify("b"), notify("gone"), // duplicates of the past
		seqs(inbox.KindRead, 1), // 7: of an item of the past
		notify("c"),             // 8
	}
	h := newHistory(t).do(records...)
	steps, r := refold(h.state, 7, 4, records[4:]...)
	want := []string{
		"notify duplicate [] by id 0", "notify duplicate [] by id 0", "read unchanged [unknown 1] 0", "notify applied [+8] 1",
	}
	for i, s := range steps {
		if got := told(s); got != want[i] {
			t.Errorf("record %d: got %q, want %q", i+5, got, want[i])
		}
	}
	got := r.Result(clock(100))
	if !got.Agrees || got.Row.Unread != 2 || got.Older.Unread != 1 || got.Refolded.Unread != 1 || !slices.Equal(got.OlderItems, []uint64{1, 2}) {
		t.Errorf("got %+v, want two unread, one of them older", got)
	}
	if r.From() != 4 {
		t.Errorf("got from %d, want 4", r.From())
	}
}

func TestRefolderComparesAtTheRowsVersion(t *testing.T) {
	h := newHistory(t).do(notify("a"), notify("b"))
	steps, r := refold(h.state, 7, 0, notify("a"), notify("b"), notify("c"), erase())
	if steps[1].Pending || !steps[2].Pending || !steps[3].Pending {
		t.Error("want what comes after the row's version pending, and nothing else")
	}
	got := r.Result(clock(100))
	if !got.Agrees || got.Pending != 2 || got.Refolded.Unread != 2 {
		t.Errorf("got %+v, want agreement on two unread and two records pending", got)
	}
}

// A notice came by no record of its user.
func TestRefolderLeavesNoticesOut(t *testing.T) {
	h := newHistory(t).do(notify("a"), notify("b"))
	h.state.Items = append([]inbox.Entry{}, h.state.Items[0], inbox.Entry{Seq: 2, Version: 2, Count: 1, Shared: &inbox.Shared{Audience: inbox.Everybody}})
	before := deepCopy(h.state)
	_, r := refold(h.state, 7, 0, notify("a"), inbox.Record{Kind: inbox.KindTouch})
	if got := r.Result(clock(100)); !got.Agrees || got.Row.Unread != 1 {
		t.Errorf("got %+v, want agreement on the one of the user's own", got)
	}
	if !reflect.DeepEqual(h.state, before) {
		t.Errorf("the row is now\n%s\nand was\n%s", row(h.state), row(before))
	}
}

func TestRefolderFindsARowThatIsWrong(t *testing.T) {
	h := newHistory(t).do(notify("a"), notify("b"), notify("c"))
	h.state.Items[0].Read, h.state.Items[0].Seen = true, true
	h.state.Items = append(h.state.Items[:1], h.state.Items[2])
	h.state.Items[1].Seq = 77
	_, r := refold(h.state, 7, 0, notify("a"), notify("b"), notify("c"))
	got := r.Result(clock(100))
	if got.Agrees || !slices.Equal(got.Different, []uint64{1}) || !slices.Equal(got.Missing, []uint64{2, 3}) || !slices.Equal(got.Surplus, []uint64{77}) {
		t.Errorf("got %+v, want 1 different, 2 and 3 missing, 77 surplus", got)
	}
}

// TestRefolderOfANewerJournal has a row that has met nothing of the journal yet.
func TestRefolderOfANewerJournal(t *testing.T) {
	h := newHistory(t).do(notify("a"), notify("b"))
	steps, r := refold(h.state, 8, 0, seqs(inbox.KindRead, 1), notify("c"))
	if got := told(steps[0]); got != "read applied [read 1] 1" || !steps[0].Pending {
		t.Errorf("got %q, pending %t", got, steps[0].Pending)
	}
	if steps[1].Version != 4 || r.From() != 2 {
		t.Errorf("got version %d from %d, want 4 from 2", steps[1].Version, r.From())
	}
	if got := r.Result(clock(100)); !got.Agrees || got.Pending != 2 || got.Row.Unread != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestRefolderPassesOverWhatCannotBeDecoded(t *testing.T) {
	r := inbox.NewRefolder(inbox.State{}, inbox.State{}, 7, 0, 0)
	r.Step(0, clock(0), notify("a"))
	got := r.Undecodable(1, clock(1), belfry.ErrCorrupt)
	if got.Outcome != "dead-letter" || got.Version != 1 || got.Why != belfry.ErrCorrupt.Error() || got.Counts.Unread != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestRefoldKeeps(t *testing.T) {
	make := func() *inbox.Refold {
		r := &inbox.Refold{}
		for i := range 10 {
			r.Steps = append(r.Steps, inbox.Step{Offset: int64(i), Time: clock(i)})
		}
		return r
	}
	for _, tt := range []struct {
		since time.Time
		most  int
		first int64 // 10 for none
	}{
		{time.Time{}, 100, 0}, {time.Time{}, 4, 6}, {clock(7), 100, 7}, {clock(3), 4, 6}, {clock(99), 4, 10},
	} {
		r := make()
		r.Keep(tt.since, tt.most)
		if int64(r.Omitted) != tt.first || len(r.Steps) != 10-int(tt.first) || len(r.Steps) > 0 && r.Steps[0].Offset != tt.first {
			t.Errorf("since %s, %d at most: %d steps, %d omitted; want from %d on", tt.since, tt.most, len(r.Steps), r.Omitted, tt.first)
		}
	}
}

// TestRefolderAgreesWithEveryRow refolds whole and cut journals of all kinds.
func TestRefolderAgreesWithEveryRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, model: newModel(), now: clock(0), epoch: 1, cap: rapid.IntRange(3, 8).Draw(t, "cap")}
		for range rapid.SampledFrom([]int{5, 20, 60}).Draw(t, "records") {
			w.now = w.now.Add(time.Second)
			if rapid.IntRange(0, 2).Draw(t, "kind") > 0 {
				w.deliver(w.drawNotify())
			} else {
				w.deliver(w.drawOther())
			}
		}
		cut := rapid.IntRange(0, len(w.journal)-1).Draw(t, "records not retained")
		for _, kept := range [][]folded{w.journal, w.journal[cut:]} {
			oldest := kept[0].in.Offset
			r := inbox.NewRefolder(w.row, inbox.State{}, 1, oldest, w.cap)
			for _, f := range kept {
				s := r.Step(f.in.Offset, f.in.Time, f.record)
				if s.Pending || oldest == 0 && (s.Outcome != f.effects.Outcome || s.Added != itemSeq(f.effects) || len(s.Gone) != len(f.effects.Removed)) {
					t.Fatalf("%s: got %+v, but it was %+v", f.record.Kind, s, f.effects)
				}
			}
			got := r.Result(w.now)
			if oldest == 0 && !got.Agrees {
				t.Fatalf("nothing is missing, but got %+v", got)
			}
			if got.Agrees && got.Refolded.Unread+got.Older.Unread != got.Row.Unread {
				t.Fatalf("the parts do not add up to the badge: %+v", got)
			}
			if want := w.row.Counts(w.now); !reflect.DeepEqual(got.Row, want) {
				t.Fatalf("got the row's badge as %+v, want %+v", got.Row, want)
			}
		}
	})
}
