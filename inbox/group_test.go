package inbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func by(id, name string) option {
	return func(r *inbox.Record) { r.Notification.Actor = belfry.Actor{ID: id, Name: name} }
}

// TestOnePersonsCommentsAreOnePerson holds that people are counted and not arrivals, and
// that taking one back leaves the others.
func TestOnePersonsCommentsAreOnePerson(t *testing.T) {
	h, k := newHistory(t), collapse("k")
	h.in.Members = inbox.MaxMembers
	h.do(notify("1", k, by("kim", "Kim")), notify("2", k, by("kim", "Kim")), notify("3", k, by("lee", strings.Repeat("이", 30))))
	people := func() string {
		p := h.state.Items[0].People()
		out := fmt.Sprint(h.state.Items[0].Seq, " ", h.state.Items[0].Count, " ", p.Count, p.More)
		for _, a := range p.Latest {
			out += fmt.Sprint(" ", a.ID, "=", len(a.Name))
		}
		return out
	}
	if got := people(); got != "3 3 2 false lee=63 kim=3" {
		t.Errorf("got %s", got)
	}
	if h.do(retract("3")); people() != "2 2 1 false kim=3" {
		t.Errorf("got %s, want what came before", people())
	}
	if h.do(retract("2")); people() != "1 1 1 false kim=3" {
		t.Errorf("got %s, want the name of the same person's earlier one", people())
	}
	if h.do(retract("1")); len(h.state.Items) != 0 {
		t.Errorf("items = %s", items(h.state))
	}
}

// The newest arrival of each of the last three people keeps id and name: a row grows by no more.
func TestFewArrivalsKeepNames(t *testing.T) {
	h, k := newHistory(t), collapse("k")
	h.in.Members = inbox.MaxMembers
	for i, id := range []string{"kim", "lee", "park", "lee", "choi", "kim"} {
		h.do(notify(fmt.Sprint(i), k, by(id, "of "+id)))
	}
	e := h.state.Items[0]
	var got []string
	for _, m := range append(slices.Clone(e.Group.Earlier), inbox.Member{Actor: e.Group.Actor}) {
		if m.Actor.Hash == 0 {
			t.Errorf("an arrival is nobody's: %+v", m)
		}
		got = append(got, m.Actor.ID+m.Actor.Name)
	}
	if want := []string{"", "", "", "leeof lee", "choiof choi", "kimof kim"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRowKeepsSoManyArrivals holds that beyond the row's limit the item of the lowest place
// loses its oldest, which clients are told.
func TestRowKeepsSoManyArrivals(t *testing.T) {
	h := newHistory(t)
	h.in.Members = inbox.MaxMembers
	h.in = h.in.WithLimits(inbox.MaxHidden, inbox.MaxMutes, 2)
	h.do(notify("1", collapse("a")), notify("2", collapse("a")), notify("3", collapse("b")), notify("4", collapse("b")), notify("5", collapse("b")))
	low, _ := h.state.Entry(2)
	if p := low.People(); h.state.Held(1) || !p.More || low.Version != 5 || low.Group.Cut != 5 || !h.state.Held(3) {
		t.Errorf("row is %s, want the first one gone", rowText(&h.state))
	}
}

func TestMutesAreLimited(t *testing.T) {
	h := newHistory(t)
	for i := range inbox.MaxMutes {
		h.do(inbox.Record{Kind: inbox.KindMute, Category: fmt.Sprint(i)})
	}
	if h.do(inbox.Record{Kind: inbox.KindMute, Category: "more"}); h.effects.Outcome != inbox.Full || h.state.IsMuted("more") || !h.state.MutesFull() {
		t.Errorf("one more: %s", h.effects.Outcome)
	}
	if h.do(inbox.Record{Kind: inbox.KindUnmute, Category: "7"}, inbox.Record{Kind: inbox.KindMute, Category: "more"}); !h.state.IsMuted("more") || h.state.IsMuted("7") {
		t.Errorf("mutes are %v", h.state.Mutes)
	}
	if h.do(erase()); len(h.state.Mutes) != 0 || h.effects.Outcome != inbox.Applied {
		t.Errorf("erased: %s, mutes are %v", h.effects.Outcome, h.state.Mutes)
	}
}

// TestScheduledIsNewsWhenItComes holds that what comes later alerts, however old its
// source is, and that a time which has passed is now.
func TestScheduledIsNewsWhenItComes(t *testing.T) {
	at := func(second int) option {
		return func(r *inbox.Record) { r.Notification.DeliverAt, r.Silent = clock(second), true }
	}
	h := newHistory(t).do(notify("1", at(60)), notify("2", at(1)))
	if h.effects.Delivery != inbox.Late || h.state.Counts(clock(59)).Unread != 0 || h.state.Counts(clock(60)).Unread != 1 {
		t.Errorf("delivery %d, %+v then %+v", h.effects.Delivery, h.state.Counts(clock(59)), h.state.Counts(clock(60)))
	}
	if next, ok := h.state.NextChange(clock(9)); !ok || !next.Equal(clock(60)) || h.state.NextWake() != clock(60).UnixMilli() {
		t.Errorf("next change %v, wake %v", next, time.UnixMilli(h.state.NextWake()))
	}
}

// A silent one is what its source had before it was activated: where there is no room to
// hide it, it is shown at once, as what is over is shown.
func TestCrowdedSilentIsNoNews(t *testing.T) {
	at := func(silent bool) option {
		return func(r *inbox.Record) { r.Notification.DeliverAt, r.Silent = clock(600), silent }
	}
	h := newHistory(t)
	for i := range inbox.MaxHidden {
		h.do(notify(fmt.Sprint(i), at(true)))
	}
	h.do(notify("silent", at(true)))
	if h.effects.Delivery != inbox.Crowded || h.state.Counts(clock(1)).Unread != 0 {
		t.Errorf("delivery %d, %+v; want it shown, read", h.effects.Delivery, h.state.Counts(clock(1)))
	}
	h.do(notify("news", at(false)))
	if h.effects.Delivery != inbox.Crowded || h.state.Counts(clock(1)).Unread != 1 {
		t.Errorf("delivery %d, %+v; want it shown, unread", h.effects.Delivery, h.state.Counts(clock(1)))
	}
}
