package check_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// TestCheckPassesWhatIsRight holds that nothing is found in runs in which
// nothing went wrong, and that all was compared.
func TestCheckPassesWhatIsRight(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h, truth := newWorld(t, seed)
			v := check.Check(h, truth)
			if !v.Ok() {
				t.Fatal(v)
			}
			c := v.Checked
			for name, pair := range map[string][2]int{
				"polls": {c.Polls, len(h.Polled) / 2}, "pages": {c.Pages, len(h.Listed) / 2}, "notices": {c.Notices, 5},
				"held": {c.Held, len(truth.Held)}, "rows": {c.Rows, len(truth.Rows)}, "items": {c.Items, len(truth.Items)},
				"finals": {c.Finals, len(truth.Lists) / 4 / 2}, "tallies": {c.Tallies, c.Batches / 2}, "batches": {c.Batches, 50},
				"sightings": {c.Sightings, 150}, "offsets": {c.Offsets, 10}, "poison": {c.Poison, 1}, "actions": {c.Actions, 50},
				"acknowledged": {c.Acknowledged, 100}, "repeated": {c.Repeated, 10}, "connections": {c.Connections, 15},
			} {
				if got, least := pair[0], pair[1]; got < least {
					t.Errorf("%s compared = %d, want at least %d", name, got, least)
				}
			}
		})
	}
}

// lone is a run with one user u, to whom these notifications are written at
// time start, a second apart.
func lone(notifications ...inbox.Record) (*history.History, *history.Truth, inbox.State) {
	h := &history.History{}
	truth := &history.Truth{Epoch: worldEpoch, Cap: worldCap, Rows: map[string]inbox.State{}, Items: map[string]inbox.Item{}}
	var s inbox.State
	for i, r := range notifications {
		at := start.Add(time.Duration(i) * time.Second)
		r.Kind, r.Notification.Source, r.Notification.Title = inbox.KindNotify, "shop", belfry.PlainText("title")
		h.Record(history.Sent{At: at, Via: "kafka", Recipient: "u", Source: "shop", ID: r.Notification.ID, Acknowledged: true})
		truth.Journal = append(truth.Journal, history.Journaled{Recipient: "u", Offset: int64(i), Time: at, Record: r})
		var effects inbox.Effects
		s, effects = inbox.Fold(s, r, inbox.Input{Position: inbox.Position{Epoch: worldEpoch, Offset: int64(i)}, Time: at, Cap: worldCap, Members: inbox.DefaultFeatures.Members()})
		if effects.Item != nil {
			truth.Items[inbox.ItemKey("u", effects.Item.Seq)] = *effects.Item
		}
	}
	truth.Rows["u"] = s
	return h, truth, s
}

var start = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

// TestCheckDoesNotTrustTheFold holds that what is lost is found although the
// oracle agrees that it is gone: here the router gave two notifications one
// origin, so that every fold takes the second for a redelivery of the first.
func TestCheckDoesNotTrustTheFold(t *testing.T) {
	origin := inbox.Origin{TopicID: [16]byte{1}, Offset: 5}
	h, truth, s := lone(inbox.Record{Origin: origin, Notification: belfry.Notification{ID: "a"}},
		inbox.Record{Origin: origin, Notification: belfry.Notification{ID: "b"}})
	truth.Lists = []history.Listed{
		{Server: "s", User: "u", Cursor: s.Cursor(), Version: s.Version, Unread: 1, Items: []history.Item{{Seq: 1, Version: 1, ID: "a", Source: "shop", Count: 1}}},
		{Server: "s", User: "u", Cursor: s.Cursor(), Version: s.Version, Unread: 1, Archived: true},
	}
	v := check.Check(h, truth)
	if v.Lost != 1 || v.Drift != 0 || !strings.Contains(v.String(), "shop/b is not listed by s, and the journal has nothing that can have removed it") {
		t.Error(v)
	}
}

// TestCheckKnowsTheClock holds that an item which expires may count or not
// around its time, and only then.
func TestCheckKnowsTheClock(t *testing.T) {
	expiry := start.Add(time.Hour)
	for _, c := range []struct {
		after  time.Duration
		unread int
		drift  int
	}{
		{-time.Minute, 1, 0},
		{-time.Minute, 0, 1},
		{-time.Second, 0, 0},
		{time.Second, 1, 0},
		{time.Second, 0, 0},
		{time.Second, 2, 1},
		{time.Minute, 0, 0},
		{time.Minute, 1, 1},
	} {
		t.Run(fmt.Sprintf("%d at %s", c.unread, c.after), func(t *testing.T) {
			h, truth, s := lone(inbox.Record{Notification: belfry.Notification{ID: "a", ExpiresAt: expiry}})
			counts := inbox.Counts{Tally: inbox.Tally{Unread: c.unread, Unseen: c.unread}}
			h.Record(history.Polled{At: expiry.Add(c.after), User: "u", Cursor: s.Cursor(), Counts: counts})
			if v := check.Check(h, truth); v.Drift != c.drift {
				t.Errorf("drift = %d, want %d: %s", v.Drift, c.drift, v)
			}
		})
	}
}

// A loss that each server shows and several checks find is one loss.
func TestVerdictCountsALossOnce(t *testing.T) {
	h, truth := newWorld(t, 3)
	s := &scene{t, h, truth}
	id := s.sent().ID
	for {
		l, ok := s.listing(id)
		if !ok {
			break
		}
		l.Items = nil
	}
	v := check.Check(h, truth)
	if lost := v.Lost; lost < 1 || lost > 2 { // the page had another item
		t.Errorf("%d lost: %s", lost, v)
	}
	if v.FirstUser() == "" {
		t.Error("no user to explain")
	}
}

func TestVerdictShowsSomeOfEachKind(t *testing.T) {
	h, truth := newWorld(t, 3)
	for i := range h.Polled {
		h.Polled[i].Counts.Unread++
	}
	truth.Stuck = []string{"belfry-inbox has lag 3"}
	text := check.Check(h, truth).String()
	for _, want := range []string{"BROKEN: 0 lost", "1 stuck", "stuck: belfry-inbox has lag 3\n", "findings more\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if lines := strings.Count(text, "\n"); lines > 20 {
		t.Errorf("%d lines:\n%s", lines, text)
	}
}

func TestExplainTellsAll(t *testing.T) {
	h, truth := newWorld(t, 3)
	user := truth.Held[0].User
	var b strings.Builder
	if err := check.Explain(&b, h, truth, user); err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	at := ""
	for _, l := range strings.Split(b.String(), "\n") {
		fields := strings.Fields(l)
		if len(fields) > 1 && strings.Count(fields[0], ":") == 2 {
			if fields[0] < at {
				t.Fatalf("%q after %s", l, at)
			}
			at = fields[0]
			lines[fields[1]]++
		} else if len(fields) > 0 {
			lines[fields[0]]++
		}
	}
	count := func(n int, is func(i int) bool) (of int) {
		for i := range n {
			if is(i) {
				of++
			}
		}
		return of
	}
	for what, want := range map[string]int{
		"sent":    count(len(h.Sent), func(i int) bool { return h.Sent[i].Recipient == user }),
		"asked":   count(len(h.Acted), func(i int) bool { return h.Acted[i].Recipient == user }),
		"polled":  count(len(h.Polled), func(i int) bool { return h.Polled[i].User == user }),
		"listed":  count(len(h.Listed), func(i int) bool { return h.Listed[i].User == user }),
		"frame":   count(len(h.Frames), func(i int) bool { return h.Frames[i].User == user }),
		"journal": count(len(truth.Journal), func(i int) bool { return truth.Journal[i].Recipient == user }),
		"list":    count(len(truth.Lists), func(i int) bool { return truth.Lists[i].User == user }),
		"FAULT":   1, "row": 1, "oracle": 1, "held": 1, "contents": 1,
	} {
		if lines[what] != want {
			t.Errorf("%d lines of %q, want %d", lines[what], what, want)
		}
	}
	if err := check.Explain(&b, h, truth, "stranger"); err != nil || !strings.Contains(b.String(), "nothing is known of user stranger") {
		t.Errorf("explain a stranger: %v", err)
	}
	if err := check.Explain(brokenWriter{}, h, truth, user); !errors.Is(err, errBroken) {
		t.Errorf("explain to a broken writer: %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
