package inbox_test

import (
	"fmt"
	"testing"

	"github.com/belfry/belfry/inbox"
)

func tell(channel string, evaluated uint64, seqs ...uint64) inbox.Record {
	kind := inbox.EndpointWebPush
	if channel == "mail" {
		kind = inbox.EndpointMail
	}
	return inbox.Record{Kind: inbox.KindTell, Seqs: seqs, Tell: &inbox.Tell{Channel: channel, Kind: kind, Evaluated: evaluated, GoodUntil: clock(1000).UnixMilli()}}
}

func untell(channel string, decision uint64, attempt uint32) inbox.Record {
	return inbox.Record{Kind: inbox.KindUntell, Untell: &inbox.Untell{Channel: channel, Decision: decision, Attempt: attempt, NotBefore: clock(500).UnixMilli()}}
}

func TestTell(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a")) // 1
	r.fold(notify("a"))                          // 2
	r.fold(notify("b"))                          // 3
	r.fold(seqs(read, 3))                        // 4
	e := r.fold(tell("push", 4, 2, 3, 99))       // 5
	if e.Outbound == nil || e.Outbound.Decision != 5 || e.Outbound.Channel != "push" {
		t.Fatalf("got %+v", e.Outbound)
	}
	item := r.row.Reach.Item(2)
	other := r.row.Reach.Item(3)
	if item.By("push") != 5 || other.By("push") != 0 || item.Since != clock(1).UnixMilli() {
		t.Errorf("got %+v and %+v", item, other)
	}
	for _, tt := range []struct {
		what   string
		record inbox.Record
		want   inbox.Outcome
	}{
		{"evaluated before the decision", tell("push", 4, 2), inbox.Outdated},
		{"evaluated before an endpoint", tell("mail", 0, 2), inbox.Outdated},
		{"once more", tell("push", 7, 2), inbox.Unchanged},
		{"too late", inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{2}, Tell: &inbox.Tell{Channel: "text", Kind: inbox.EndpointText, Evaluated: 8, GoodUntil: clock(1).UnixMilli()}}, inbox.Outdated},
		{"another channel", tell("mail", 9, 2, 3), inbox.Applied},
		{"just in time", inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{2}, Tell: &inbox.Tell{Channel: "text", Kind: inbox.EndpointText, Evaluated: 10, GoodUntil: clock(10).UnixMilli()}}, inbox.Applied},
	} {
		if e := r.fold(tt.record); e.Outcome != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, e.Outcome, tt.want)
		}
	}
	if len(r.outbound) != 3 {
		t.Errorf("got %v", r.outbound)
	}
}

func TestUntell(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a")) // 1
	r.fold(notify("a"))                          // 2
	r.fold(tell("push", 2, 2))                   // 3
	if e := r.fold(untell("push", 2, 9)); e.Outcome != inbox.Unchanged {
		t.Errorf("of no decision: %s", e.Outcome)
	}
	if e := r.fold(untell("push", 3, 1)); e.Outcome != inbox.Applied {
		t.Errorf("got %s", e.Outcome)
	}
	item, c := r.row.Reach.Item(2), r.row.Reach.Channel("push")
	if item.By("push") != 0 || len(c.Decisions) != 0 || c.Attempt != 1 || c.NotBefore != clock(500).UnixMilli() || c.Changed != 5 {
		t.Errorf("got %+v, %+v", item, c)
	}
	if e := r.fold(untell("push", 3, 7)); e.Outcome != inbox.Unchanged || r.row.Reach.Channel("push").Attempt != 1 {
		t.Errorf("again: %s", e.Outcome)
	}
	if _, again := inbox.Fold(r.row, r.records[2], r.positions[2]); again.Outbound != nil {
		t.Errorf("the tell again: %+v, although it was returned", again.Outbound)
	}
	if e := r.fold(tell("push", 4, 2)); e.Outcome != inbox.Outdated {
		t.Errorf("evaluated before the untell: %s", e.Outcome)
	}
	r.fold(tell("push", r.row.Version, 2))
	if c := r.row.Reach.Channel("push"); c.Attempt != 0 || len(c.Decisions) != 1 {
		t.Errorf("decided anew: %+v", c)
	}
}

// A decision about items that are gone is taken back as well: it counts in no cap any more,
// and the next attempt is later.
func TestUntellOfWhatIsGone(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a")) // 1
	r.fold(notify("a"))                          // 2
	r.fold(tell("push", 2, 2))                   // 3
	r.fold(seqs(remove, 2))
	if e := r.fold(untell("push", 3, 1)); e.Outcome != inbox.Applied {
		t.Errorf("got %s", e.Outcome)
	}
	if c := r.row.Reach.Channel("push"); len(c.Decisions) != 0 || c.Attempt != 1 {
		t.Errorf("got %+v", c)
	}
}

// One message a thread until somebody looks at it.
func TestCollapseHandsOn(t *testing.T) {
	for _, tt := range []struct {
		look       string
		push, mail bool // whether it counts as told
		since      int  // offset of the arrival that delays count from
	}{{"", true, true, 2}, {"seen", false, true, 5}, {"read", false, false, 5}} {
		r := reachedRow(t)
		r.fold(endpoint(inbox.EndpointWebPush, "a"))
		r.fold(endpoint(inbox.EndpointMail, "a"))
		r.fold(notify("a", collapse("k"))) // 3
		r.fold(tell("push", 3, 3))
		r.fold(tell("mail", 4, 3))
		if tt.look != "" {
			kind, _ := inbox.ParseAction(tt.look)
			r.fold(inbox.Record{Kind: kind, Seqs: []uint64{3}})
			tt.since++
		}
		r.fold(notify("b", collapse("k")))
		item := r.row.Reach.Item(r.row.Version)
		if (item.By("push") != 0) != tt.push || (item.By("mail") != 0) != tt.mail || item.Since != clock(tt.since).UnixMilli() {
			t.Errorf("%q: got %+v, since %d", tt.look, item, item.Since-clock(0).UnixMilli())
		}
		if len(r.row.Reach.Items) != 1 {
			t.Errorf("%q: got %+v, want the one item", tt.look, r.row.Reach.Items)
		}
	}
}

func TestSnoozeClearsWhatWasTold(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a"))
	r.fold(notify("a"))
	r.fold(tell("push", 2, 2))
	r.fold(inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{2}, Until: clock(50).UnixMilli()})
	if item := r.row.Reach.Item(2); item.By("push") != 0 || item.Since != clock(50).UnixMilli() {
		t.Errorf("got %+v", item)
	}
	r.fold(seqs(inbox.KindUnsnooze, 2))
	if item := r.row.Reach.Item(2); item.Since != clock(4).UnixMilli() {
		t.Errorf("shown again before its time: got %+v", item)
	}
}

func TestRowsKeepFewChannelsAndDecisions(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a"))
	for i := range 10 {
		r.fold(notify(fmt.Sprint(i)))
		r.fold(tell(fmt.Sprint("c", i), r.row.Version, r.row.Version))
	}
	if n := len(r.row.Reach.Channels); n != 8 || r.row.Reach.Channels[0].Name != "c2" {
		t.Errorf("got %d channels from %s on", n, r.row.Reach.Channels[0].Name)
	}
	for i := range 40 {
		r.fold(notify(fmt.Sprint("x", i)))
		r.fold(tell("c9", r.row.Version, r.row.Version))
	}
	if c := r.row.Reach.Channel("c9"); len(c.Decisions) != inbox.MaxDecisions || c.Decisions[inbox.MaxDecisions-1].Version != r.row.Version {
		t.Errorf("got %d decisions", len(c.Decisions))
	}
}
