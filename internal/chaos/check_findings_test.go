package chaos_test

import (
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos"
)

// TestCheckFindsLosses holds that what is missing, or there twice, is found.
func TestCheckFindsLosses(t *testing.T) {
	for _, c := range []sabotage{
		{"notification never written", func(s *scene) {
			e := *s.sent()
			e.ID = "n-never"
			s.h.Sent = append(s.h.Sent, e)
		}, chaos.Lost, "is not in the journal"},
		{"row lost", func(s *scene) {
			name, _ := s.user()
			delete(s.Rows, name)
		}, chaos.Lost, "has no row"},
		{"content lost", func(s *scene) {
			_, key := s.user()
			delete(s.Items, key)
		}, chaos.Lost, "has no content"},
		{"item not listed by one server", func(s *scene) {
			l := s.final()
			l.Items = l.Items[:1]
		}, chaos.Lost, "is not listed by server-0"},
		{"item listed without content", func(s *scene) {
			it := &s.final().Items[0]
			it.Pending, it.ID, it.Source = true, "", ""
		}, chaos.Lost, "without its content"},
		{"action never written", func(s *scene) {
			a := *s.act()
			a.Record.Seqs, a.Version = []uint64{1 << 40}, 0
			s.h.Acted = append(s.h.Acted, a)
		}, chaos.Lost, "was acknowledged and is not in the journal"},
		{"action written once for two answers", func(s *scene) {
			a := *s.act()
			for range s.Journal {
				s.h.Acted = append(s.h.Acted, a)
			}
		}, chaos.Lost, "was acknowledged and is not in the journal"},
		{"dead letter missing", func(s *scene) {
			id := pick(s, s.h.Sent, func(e chaos.Sent) bool { return e.Poison }).ID
			s.Dead = slices.DeleteFunc(s.Dead, func(d chaos.Dead) bool { return d.ID == id })
		}, chaos.Lost, "is poison"},
		{"dead letter of the journal missing", func(s *scene) {
			at := pick(s, s.Journal, func(j chaos.Journaled) bool { return j.Unreadable })
			s.Dead = slices.DeleteFunc(s.Dead, func(d chaos.Dead) bool {
				return d.Topic == "belfry.journal" && d.Partition == at.Partition && d.Offset == at.Offset
			})
		}, chaos.Lost, "cannot be read and is not among"},
		{"item listed twice", func(s *scene) {
			l := s.final()
			l.Items = append(l.Items, l.Items[1])
		}, chaos.Doubled, "is listed 2 times"},
		{"item listed under another seq too", func(s *scene) {
			l := s.final()
			again := l.Items[1]
			again.Seq--
			l.Items = append(l.Items, again)
		}, chaos.Doubled, "is listed 2 times"},
		{"item frame twice on one connection", func(s *scene) {
			s.frames("item", "", twice)
		}, chaos.Doubled, "twice on one connection"},
		{"removal twice on one connection", func(s *scene) {
			s.frames("state", `"removed":[`, twice)
		}, chaos.Doubled, "removed twice on one connection"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsDrift holds that a table at the end that differs from the
// journal is found, as are wrong answers.
func TestCheckFindsDrift(t *testing.T) {
	for _, c := range []sabotage{
		{"flag of a row", func(s *scene) {
			s.row(func(row *inbox.State) { row.Items[0].Archived = !row.Items[0].Archived })
		}, chaos.Drift, "the table's last row is"},
		{"row without a removal", func(s *scene) {
			s.row(func(row *inbox.State) { row.Removals = row.Removals[1:] })
		}, chaos.Drift, "the table's last row is"},
		{"row of a stranger", func(s *scene) { s.Rows["stranger"] = inbox.State{Epoch: worldEpoch, Version: 1} },
			chaos.Drift, "the table's last row is"},
		{"orphan", func(s *scene) {
			name, key := s.user()
			it := s.Items[key]
			it.Seq = pick(s, s.Rows[name].Removals, func(r inbox.Removal) bool { return r.Seq != 0 }).Seq
			s.Items[inbox.ItemKey(name, it.Seq)] = it
		}, chaos.Drift, "orphan"},
		{"content of another", func(s *scene) {
			_, key := s.user()
			it := s.Items[key]
			it.Title = belfry.PlainText("something else")
			s.Items[key] = it
		}, chaos.Drift, "the content of"},
		{"flag in a final list", func(s *scene) { s.final().Items[0].Read = !s.final().Items[0].Read },
			chaos.Drift, "list (archived: false) differently"},
		{"final list of both servers", func(s *scene) {
			name := s.final().User
			for i := range s.Lists {
				if l := &s.Lists[i]; l.User == name {
					l.Unread++
				}
			}
		}, chaos.Drift, "final page"},
		{"final list that stays behind", func(s *scene) { s.final().Version-- }, chaos.Drift, "want"},
		{"listed although never written", func(s *scene) { s.final().Items[0].ID = "n-never" },
			chaos.Drift, "is not in the journal"},
		{"count of a poll", func(s *scene) { s.poll().Counts.Unread-- }, chaos.Drift, "counts are"},
		{"category of a poll", func(s *scene) { clear(s.poll().Counts.Categories) }, chaos.Drift, "counts are"},
		{"version that no record has", func(s *scene) { s.poll().Cursor.Version += 1 << 40 }, chaos.Drift, "which no record has"},
		{"epoch of a poll", func(s *scene) { s.poll().Cursor.Epoch++ }, chaos.Drift, "cursor"},
		{"page without an item", func(s *scene) { s.page().Items = s.page().Items[1:] }, chaos.Drift, "items are"},
		{"flag in a page", func(s *scene) { s.page().Items[0].Seen = !s.page().Items[0].Seen }, chaos.Drift, "items are"},
		{"content in a page", func(s *scene) { s.page().Items[0].ID = "n-other" }, chaos.Drift, "items are"},
		{"next of a page", func(s *scene) { s.page().Next = 0 }, chaos.Drift, "next is"},
		{"short page", func(s *scene) {
			l := s.page()
			l.Items, l.Next = l.Items[:1], l.Items[0].Seq
		}, chaos.Drift, "items are"},
		{"unread of a page", func(s *scene) { s.page().Unread++ }, chaos.Drift, "unread is"},
		{"cursor of a page past what is pending", func(s *scene) {
			it := &s.page().Items[0]
			it.Pending, it.ID, it.Source = true, "", ""
		}, chaos.Drift, "cursor is"},
		{"answer from before the action", func(s *scene) {
			pick(s, s.h.Acted, func(a chaos.Acted) bool { return a.Version > 100 }).Version = 1
		}, chaos.Drift, "was answered with version 1"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsTheRest holds that what goes back, is stuck or was done by
// nobody is found.
func TestCheckFindsTheRest(t *testing.T) {
	for _, c := range []sabotage{
		{"row set back", func(s *scene) { s.row(func(row *inbox.State) { row.Version-- }) }, chaos.Back, "the table's last row"},
		{"version of a poll", func(s *scene) {
			old := *s.poll()
			old.At = s.after()
			s.h.Polled = append(s.h.Polled, old)
		}, chaos.Back, "saw version"},
		{"version of a page", func(s *scene) {
			old := *s.page()
			old.At = s.after()
			s.h.Listed = append(s.h.Listed, old)
		}, chaos.Back, "saw version"},
		{"poll behind the same client's page", func(s *scene) {
			var page chaos.Listed
			old := *pick(s, s.h.Polled, func(a chaos.Polled) bool {
				i := slices.IndexFunc(s.h.Listed, func(l chaos.Listed) bool { return l.User == a.User && l.Version > a.Cursor.Version })
				if i >= 0 {
					page = s.h.Listed[i]
				}
				return i >= 0
			})
			old.At, old.Client = s.after(), page.Client
			s.h.Polled = append(s.h.Polled, old)
		}, chaos.Back, "saw version"},
		{"id of a stream", func(s *scene) {
			s.frames("unread", "", func(f chaos.Frame) []chaos.Frame {
				old := f
				old.ID = inbox.Cursor{Epoch: worldEpoch}.String()
				return []chaos.Frame{f, old}
			})
		}, chaos.Back, "id after"},
		{"committed offset", func(s *scene) {
			old := s.h.Committed[0]
			old.At = s.after()
			s.h.Committed = append(s.h.Committed, old)
		}, chaos.Back, "committed offset"},
		{"group that is stuck", func(s *scene) { s.Stuck = []string{"belfry-unread has lag 7"} }, chaos.Stuck, "belfry-unread"},
		{"dead letter too many", func(s *scene) { s.Dead = append(s.Dead, chaos.Dead{ID: "n-never"}) }, chaos.Other, "no poison"},
		{"readable notification among the dead letters", func(s *scene) {
			s.Dead = append(s.Dead, chaos.Dead{Reason: deadletter.ReasonPanic, Topic: "belfry.journal", ID: s.sent().ID})
		}, chaos.Other, "no poison"},
		{"command of nobody", func(s *scene) {
			j := pick(s, s.Journal, func(j chaos.Journaled) bool { return j.Record.Kind == inbox.KindSeen })
			j.Record.Seqs, j.Record.UpTo = []uint64{1 << 40}, 0
		}, chaos.Other, "was asked for by nobody"},
		{"notification of nobody", func(s *scene) {
			id := s.sent().ID
			s.h.Sent = slices.DeleteFunc(s.h.Sent, func(e chaos.Sent) bool { return e.ID == id })
		}, chaos.Other, "was sent by nobody"},
		{"final page missing", func(s *scene) {
			name := s.final().User
			i := slices.IndexFunc(s.Lists, func(l chaos.Listed) bool { return l.User == name })
			s.Lists = slices.Delete(s.Lists, i, i+1)
		}, chaos.Other, "are no complete list"},
		{"user in two partitions", func(s *scene) { s.Journal[len(s.Journal)-1].Partition += 2 }, chaos.Other, "records in the partitions"},
		{"record twice in the journal", func(s *scene) { s.Journal = append(s.Journal, s.Journal[len(s.Journal)-1]) },
			chaos.Other, "journal offset"},
		{"key of an item", func(s *scene) { s.Items["stray"] = inbox.Item{} }, chaos.Other, "has the key"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsFalseStreams holds that a stream which tells what is not so, or
// not as agreed, is found, and a client that believes in it.
func TestCheckFindsFalseStreams(t *testing.T) {
	for _, c := range []sabotage{
		{"client with a stale flag", func(s *scene) { s.held().Items[0].Read = !s.held().Items[0].Read }, chaos.Drift, "of the final row"},
		{"client without an item", func(s *scene) { s.held().Items = s.held().Items[1:] }, chaos.Drift, "of the list of"},
		{"client with a stale count", func(s *scene) { s.held().Unread++ }, chaos.Drift, "unread at the end"},
		{"client that was not told all", func(s *scene) { s.held().Cursor.Version-- }, chaos.Drift, "stands at"},
		{"client with a pending item", func(s *scene) { s.held().Items[0].Pending = true }, chaos.Drift, "of the final row"},
		{"count", func(s *scene) {
			s.frame("unread", "", func(_ *chaos.Frame, data map[string]any) { data["unread"] = 1 << 20 })
		}, chaos.Drift, "counts are"},
		{"count that is not what the client holds", func(s *scene) {
			s.frame("unread", "", func(_ *chaos.Frame, data map[string]any) { data["unread"] = 1 << 20 })
		}, chaos.Drift, "held are"},
		{"user", func(s *scene) {
			s.frame("unread", "", func(_ *chaos.Frame, data map[string]any) { data["user"] = "user-9" })
		}, chaos.Other, "counts of user"},
		{"version of a batch", func(s *scene) {
			s.frame("unread", "", func(_ *chaos.Frame, data map[string]any) { data["version"] = 1 << 40 })
		}, chaos.Drift, "which no record has"},
		{"version behind the id", func(s *scene) {
			s.frame("unread", "", func(_ *chaos.Frame, data map[string]any) { data["version"] = 0 })
		}, chaos.Other, "before the id"},
		{"count of an item", func(s *scene) {
			s.frame("item", `"read":false`, func(_ *chaos.Frame, data map[string]any) { data["count"] = 99 })
		}, chaos.Drift, "item is"},
		{"content of an item", func(s *scene) {
			s.frame("item", `"pending":false`, func(_ *chaos.Frame, data map[string]any) { data["id"] = "n-never" })
		}, chaos.Drift, "is shop/n-never"},
		{"item that never was", func(s *scene) {
			s.frame("item", "", func(_ *chaos.Frame, data map[string]any) { data["seq"] = 1 << 40 })
		}, chaos.Drift, "which no record made"},
		{"item not sent", func(s *scene) { s.frames("item", `"read":false,"seen":false,"archived":false`, drop) }, chaos.Drift, "held are"},
		{"state", func(s *scene) {
			s.frame("state", `"read":[`, func(_ *chaos.Frame, data map[string]any) { data["unread"] = data["read"] })
		}, chaos.Drift, "state has"},
		{"removal of what is there", func(s *scene) {
			s.frame("state", `"unread":[`, func(_ *chaos.Frame, data map[string]any) { data["removed"] = data["unread"] })
		}, chaos.Drift, "as removed"},
		{"version of a state", func(s *scene) {
			s.frame("state", "", func(_ *chaos.Frame, data map[string]any) { data["version"] = 1 })
		}, chaos.Drift, "state of version 1"},
		{"id within a batch", func(s *scene) {
			s.frame("item", "", func(f *chaos.Frame, _ map[string]any) { f.ID = "77.1" })
		}, chaos.Other, "not the last of its batch"},
		{"batch without an id", func(s *scene) {
			s.frame("unread", "", func(f *chaos.Frame, _ map[string]any) { f.ID = "" })
		}, chaos.Other, "has no id"},
		{"ping with another id", func(s *scene) {
			s.frame("ping", "", func(f *chaos.Frame, _ map[string]any) { f.ID = "77.1" })
		}, chaos.Other, "the last id was"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsNothingToCheck holds that a run which proves nothing fails.
func TestCheckFindsNothingToCheck(t *testing.T) {
	for _, c := range []sabotage{
		{"all", func(s *scene) {
			*s.h, *s.Truth = chaos.History{}, chaos.Truth{}
		}, chaos.Other, "no users"},
		{"notifications", func(s *scene) { s.h.Sent = nil }, chaos.Other, "no acknowledged notifications"},
		{"poison", func(s *scene) {
			s.h.Sent = slices.DeleteFunc(s.h.Sent, func(e chaos.Sent) bool { return e.Poison })
		}, chaos.Other, "no poison"},
		{"actions", func(s *scene) { s.h.Acted = nil }, chaos.Other, "no actions"},
		{"polls", func(s *scene) { s.h.Polled = nil }, chaos.Other, "no polls"},
		{"polls of strangers", func(s *scene) {
			s.h.Polled = []chaos.Polled{{Client: "c", User: "stranger"}}
		}, chaos.Other, "no polls"},
		{"pages", func(s *scene) { s.h.Listed = nil }, chaos.Other, "no pages"},
		{"counts of streams", func(s *scene) {
			s.h.Listed = nil
			for i := range s.h.Frames {
				if f := &s.h.Frames[i]; f.Event == "open" {
					f.ID = "" // the client is told no items
				}
			}
		}, chaos.Other, "no counts of streams"},
		{"streams", func(s *scene) { s.h.Frames = nil }, chaos.Other, "no batches of streams"},
		{"offsets", func(s *scene) { s.h.Committed = s.h.Committed[:1] }, chaos.Other, "no offsets"},
		{"rows", func(s *scene) { s.Journal = nil }, chaos.Other, "no rows"},
		{"items", func(s *scene) { s.Journal = nil }, chaos.Other, "no items"},
		{"final lists", func(s *scene) { s.Lists = nil }, chaos.Other, "no final lists"},
		{"stream clients", func(s *scene) { s.Held = nil }, chaos.Other, "no stream clients"},
	} {
		t.Run(c.name, c.run)
	}
}
