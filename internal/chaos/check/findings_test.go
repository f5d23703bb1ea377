package check_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// TestCheckFindsLosses holds that what is missing, or there twice, is found.
func TestCheckFindsLosses(t *testing.T) {
	for _, c := range []sabotage{
		{"notification never written", func(s *scene) {
			e := *s.sent()
			e.ID = "n-never"
			s.h.Sent = append(s.h.Sent, e)
		}, check.Lost, "is not in the journal"},
		{"row lost", func(s *scene) {
			name, _ := s.user()
			delete(s.Rows, name)
		}, check.Lost, "has no row"},
		{"content lost", func(s *scene) {
			_, key := s.user()
			delete(s.Items, key)
		}, check.Lost, "has no content"},
		{"item not listed by one server", func(s *scene) {
			l := s.final()
			l.Items = l.Items[:1]
		}, check.Lost, "is not listed by server-0"},
		{"item listed without content", func(s *scene) {
			it := &s.final().Items[0]
			it.Pending, it.ID, it.Source = true, "", ""
		}, check.Lost, "without its content"},
		{"notice written to one partition alone", func(s *scene) {
			key := belfry.PartitionKey(1)
			one := pick(s, s.Journal, func(j history.Journaled) bool { return j.Recipient == key && j.Record.Kind == inbox.KindNotify }).Record.Notification.ID
			s.Journal = slices.DeleteFunc(s.Journal, func(j history.Journaled) bool { return j.Recipient == key && j.Record.Notification.ID == one })
		}, check.Lost, "was acknowledged by http"},
		{"board lost", func(s *scene) { delete(s.Boards, belfry.PartitionKey(0)) }, check.Lost, "has no row"},
		{"content of a notice lost", func(s *scene) {
			key := belfry.PartitionKey(0)
			delete(s.Items, inbox.ItemKey(key, s.Boards[key].State.Items[0].Seq))
		}, check.Lost, "has no content"},
		{"action never written", func(s *scene) {
			a := *s.act()
			a.Record.Seqs, a.Version = []uint64{1 << 40}, 0
			s.h.Acted = append(s.h.Acted, a)
		}, check.Lost, "was acknowledged and is not in the journal"},
		{"action written once for two answers", func(s *scene) {
			a := *s.act()
			for range s.Journal {
				s.h.Acted = append(s.h.Acted, a)
			}
		}, check.Lost, "was acknowledged and is not in the journal"},
		{"dead letter missing", func(s *scene) {
			id := pick(s, s.h.Sent, func(e history.Sent) bool { return e.Poison }).ID
			s.Dead = slices.DeleteFunc(s.Dead, func(d history.Dead) bool { return d.ID == id })
		}, check.Lost, "is poison"},
		{"dead letter of the journal missing", func(s *scene) {
			at := pick(s, s.Journal, func(j history.Journaled) bool { return j.Unreadable })
			s.Dead = slices.DeleteFunc(s.Dead, func(d history.Dead) bool {
				return d.Topic == "belfry.journal" && d.Partition == at.Partition && d.Offset == at.Offset
			})
		}, check.Lost, "cannot be read and is not among"},
		{"item listed twice", func(s *scene) {
			l := s.final()
			l.Items = append(l.Items, l.Items[1])
		}, check.Doubled, "is listed 2 times"},
		{"item listed under another seq too", func(s *scene) {
			l := s.final()
			again := l.Items[1]
			again.Seq--
			l.Items = append(l.Items, again)
		}, check.Doubled, "is listed 2 times"},
		{"item frame twice on one connection", func(s *scene) {
			s.frames("item", "", twice)
		}, check.Doubled, "twice on one connection"},
		{"removal twice on one connection", func(s *scene) {
			s.frames("state", `"removed":[`, twice)
		}, check.Doubled, "removed twice on one connection"},
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
		}, check.Drift, "the table's last row is"},
		{"row without a removal", func(s *scene) {
			s.row(func(row *inbox.State) { row.Removals = row.Removals[1:] })
		}, check.Drift, "the table's last row is"},
		{"board without a stay", func(s *scene) {
			key := belfry.PartitionKey(0)
			row := s.Boards[key]
			row.Stays = row.Stays[1:]
			s.Boards[key] = row
		}, check.Drift, "the table's last row is"},
		{"notice of another audience", func(s *scene) {
			l := pick(s, s.Lists, func(l history.Listed) bool {
				return slices.ContainsFunc(l.Items, func(it history.Item) bool { return it.Audience != "" })
			})
			it := pick(s, l.Items, func(it history.Item) bool { return it.Audience != "" })
			it.Audience = "topic:others"
		}, check.Drift, "to topic:others is listed"},
		{"row of a stranger", func(s *scene) { s.Rows["stranger"] = inbox.State{Epoch: worldEpoch, Version: 1} },
			check.Drift, "the table's last row is"},
		{"orphan", func(s *scene) {
			name, key := s.user()
			it := s.Items[key]
			it.Seq = pick(s, s.Rows[name].Removals, func(r inbox.Removal) bool { return r.Seq != 0 }).Seq
			s.Items[inbox.ItemKey(name, it.Seq)] = it
		}, check.Drift, "orphan"},
		{"content of another", func(s *scene) {
			_, key := s.user()
			it := s.Items[key]
			it.Title = belfry.PlainText("something else")
			s.Items[key] = it
		}, check.Drift, "the content of"},
		{"flag in a final list", func(s *scene) { s.final().Items[0].Read = !s.final().Items[0].Read },
			check.Drift, "list (archived: false) differently"},
		{"final list of both servers", func(s *scene) {
			name := s.final().User
			for i := range s.Lists {
				if l := &s.Lists[i]; l.User == name {
					l.Unread++
				}
			}
		}, check.Drift, "final page"},
		{"final list that stays behind", func(s *scene) { s.final().Version-- }, check.Drift, "want"},
		{"listed although never written", func(s *scene) { s.final().Items[0].ID = "n-never" },
			check.Drift, "is not in the journal"},
		{"count of a poll", func(s *scene) { s.poll().Counts.Unread-- }, check.Drift, "counts are"},
		{"category of a poll", func(s *scene) { clear(s.poll().Counts.Categories) }, check.Drift, "counts are"},
		{"version that no record has", func(s *scene) { s.poll().Cursor.Version += 1 << 40 }, check.Drift, "which no record has"},
		{"epoch of a poll", func(s *scene) { s.poll().Cursor.Epoch++ }, check.Drift, "cursor"},
		{"page without an item", func(s *scene) { s.page().Items = s.page().Items[1:] }, check.Drift, "items are"},
		{"flag in a page", func(s *scene) { s.page().Items[0].Seen = !s.page().Items[0].Seen }, check.Drift, "items are"},
		{"content in a page", func(s *scene) { s.page().Items[0].ID = "n-other" }, check.Drift, "items are"},
		{"next of a page", func(s *scene) { s.page().Next = 0 }, check.Drift, "next is"},
		{"short page", func(s *scene) {
			l := s.page()
			l.Items, l.Next = l.Items[:1], l.Items[0].Seq
		}, check.Drift, "items are"},
		{"unread of a page", func(s *scene) { s.page().Unread++ }, check.Drift, "unread is"},
		{"cursor of a page past what is pending", func(s *scene) {
			it := &s.page().Items[0]
			it.Pending, it.ID, it.Source = true, "", ""
		}, check.Drift, "cursor is"},
		{"answer from before the action", func(s *scene) {
			pick(s, s.h.Acted, func(a history.Acted) bool { return a.Version > 100 }).Version = 1
		}, check.Drift, "was answered with version 1"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsTheRest holds that what goes back, is stuck or was done by
// nobody is found.
func TestCheckFindsTheRest(t *testing.T) {
	for _, c := range []sabotage{
		{"row that has forgotten an endpoint", func(s *scene) {
			s.reached(func(row *inbox.State) { row.Reach.Endpoints = row.Reach.Endpoints[1:] })
		}, check.Drift, "the table's last row is"},
		{"row with the preferences of before", func(s *scene) {
			s.reached(func(row *inbox.State) { row.Reach.Prefs = []byte(`{}`) })
		}, check.Drift, "the table's last row is"},
		{"row that was told of something", func(s *scene) {
			s.reached(func(row *inbox.State) { row.Reach.Channels = []inbox.ChannelState{{Name: "chat"}} })
		}, check.Drift, "the table's last row is"},
		{"decision that is not sent", func(s *scene) {
			first := s.Outbound[0]
			s.Outbound = slices.DeleteFunc(s.Outbound, func(d history.Decided) bool { return d == first })
		}, check.Lost, "is not in the outbound topic"},
		{"decision that nobody made", func(s *scene) { s.Outbound[0].Decision = 1 << 40 }, check.Drift, "no record made it"},
		{"decision as it was not made", func(s *scene) { s.Outbound[0].Attempt++ }, check.Drift, "the outbound topic has the decision"},
		{"endpoint without its content", func(s *scene) {
			delete(s.Endpoints, *pick(s, slices.Sorted(maps.Keys(s.Endpoints)), func(string) bool { return true }))
		}, check.Lost, "has no content in the table"},
		{"content of an endpoint that is none", func(s *scene) {
			s.Endpoints[inbox.EndpointKey("user-0", 1<<40)] = inbox.Address{Seq: 1 << 40}
		}, check.Drift, "orphan: the content of endpoint"},
		{"row set back", func(s *scene) { s.row(func(row *inbox.State) { row.Version-- }) }, check.Back, "the table's last row"},
		{"version of a poll", func(s *scene) {
			old := *s.poll()
			old.At = s.after()
			s.h.Polled = append(s.h.Polled, old)
		}, check.Back, "saw version"},
		{"version of a page", func(s *scene) {
			old := *s.page()
			old.At = s.after()
			s.h.Listed = append(s.h.Listed, old)
		}, check.Back, "saw version"},
		{"poll behind the same client's page", func(s *scene) {
			var page history.Listed
			old := *pick(s, s.h.Polled, func(a history.Polled) bool {
				i := slices.IndexFunc(s.h.Listed, func(l history.Listed) bool { return l.User == a.User && l.Version > a.Cursor.Version })
				if i >= 0 {
					page = s.h.Listed[i]
				}
				return i >= 0
			})
			old.At, old.Client = s.after(), page.Client
			s.h.Polled = append(s.h.Polled, old)
		}, check.Back, "saw version"},
		{"id of a stream", func(s *scene) {
			s.frames("unread", "", func(f history.Frame) []history.Frame {
				old := f
				old.ID = inbox.Cursor{Epoch: worldEpoch}.String()
				return []history.Frame{f, old}
			})
		}, check.Back, "id after"},
		{"committed offset", func(s *scene) {
			old := s.h.Committed[0]
			old.At = s.after()
			s.h.Committed = append(s.h.Committed, old)
		}, check.Back, "committed offset"},
		{"group that is stuck", func(s *scene) { s.Stuck = []string{"belfry-unread has lag 7"} }, check.Stuck, "belfry-unread"},
		{"dead letter too many", func(s *scene) { s.Dead = append(s.Dead, history.Dead{ID: "n-never"}) }, check.Other, "no poison"},
		{"readable notification among the dead letters", func(s *scene) {
			s.Dead = append(s.Dead, history.Dead{Reason: deadletter.ReasonPanic, Topic: "belfry.journal", ID: s.sent().ID})
		}, check.Other, "no poison"},
		{"command of nobody", func(s *scene) {
			j := pick(s, s.Journal, func(j history.Journaled) bool { return j.Record.Kind == inbox.KindSeen })
			j.Record.Seqs, j.Record.UpTo = []uint64{1 << 40}, 0
		}, check.Other, "was asked for by nobody"},
		{"notification of nobody", func(s *scene) {
			id := s.sent().ID
			s.h.Sent = slices.DeleteFunc(s.h.Sent, func(e history.Sent) bool { return e.ID == id })
		}, check.Other, "was sent by nobody"},
		{"final page missing", func(s *scene) {
			name := s.final().User
			i := slices.IndexFunc(s.Lists, func(l history.Listed) bool { return l.User == name })
			s.Lists = slices.Delete(s.Lists, i, i+1)
		}, check.Other, "are no complete list"},
		{"user in two partitions", func(s *scene) { s.Journal[len(s.Journal)-1].Partition += 2 }, check.Other, "records in the partitions"},
		{"record twice in the journal", func(s *scene) { s.Journal = append(s.Journal, s.Journal[len(s.Journal)-1]) },
			check.Other, "journal offset"},
		{"key of an item", func(s *scene) { s.Items["stray"] = inbox.Item{} }, check.Other, "has the key"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsFalseStreams holds that a stream which tells what is not so, or
// not as agreed, is found, and a client that believes in it.
func TestCheckFindsFalseStreams(t *testing.T) {
	for _, c := range []sabotage{
		{"client with a stale flag", func(s *scene) { s.held().Items[0].Read = !s.held().Items[0].Read }, check.Drift, "of the final row"},
		{"client without an item", func(s *scene) { s.held().Items = s.held().Items[1:] }, check.Drift, "of the list of"},
		{"client with a stale count", func(s *scene) { s.held().Unread++ }, check.Drift, "unread at the end"},
		{"client that was not told all", func(s *scene) { s.held().Cursor.Version-- }, check.Drift, "stands at"},
		{"client with a pending item", func(s *scene) { s.held().Items[0].Pending = true }, check.Drift, "of the final row"},
		{"count", func(s *scene) {
			s.frame("unread", "", func(_ *history.Frame, data map[string]any) { data["unread"] = 1 << 20 })
		}, check.Drift, "counts are"},
		{"count that is not what the client holds", func(s *scene) {
			s.frame("unread", "", func(_ *history.Frame, data map[string]any) { data["unread"] = 1 << 20 })
		}, check.Drift, "held are"},
		{"user", func(s *scene) {
			s.frame("unread", "", func(_ *history.Frame, data map[string]any) { data["user"] = "user-9" })
		}, check.Other, "counts of user"},
		{"version of a batch", func(s *scene) {
			s.frame("unread", "", func(_ *history.Frame, data map[string]any) { data["version"] = 1 << 40 })
		}, check.Drift, "which no record has"},
		{"version behind the id", func(s *scene) {
			s.frame("unread", "", func(_ *history.Frame, data map[string]any) { data["version"] = 0 })
		}, check.Other, "before the id"},
		{"count of an item", func(s *scene) {
			s.frame("item", `"read":false`, func(_ *history.Frame, data map[string]any) { data["count"] = 99 })
		}, check.Drift, "item is"},
		{"content of an item", func(s *scene) {
			s.frame("item", `"pending":false`, func(_ *history.Frame, data map[string]any) { data["id"] = "n-never" })
		}, check.Drift, "is shop/n-never"},
		{"item that never was", func(s *scene) {
			s.frame("item", "", func(_ *history.Frame, data map[string]any) { data["seq"] = 1 << 40 })
		}, check.Drift, "which no record made"},
		{"item not sent", func(s *scene) { s.frames("item", `"read":false,"seen":false,"archived":false`, drop) }, check.Drift, "held are"},
		{"state", func(s *scene) {
			s.frame("state", `"read":[`, func(_ *history.Frame, data map[string]any) { data["unread"] = data["read"] })
		}, check.Drift, "state has"},
		{"removal of what is there", func(s *scene) {
			s.frame("state", `"unread":[`, func(_ *history.Frame, data map[string]any) { data["removed"] = data["unread"] })
		}, check.Drift, "as removed"},
		{"version of a state", func(s *scene) {
			s.frame("state", "", func(_ *history.Frame, data map[string]any) { data["version"] = 1 })
		}, check.Drift, "state of version 1"},
		{"id within a batch", func(s *scene) {
			s.frame("item", "", func(f *history.Frame, _ map[string]any) { f.ID = "77.1" })
		}, check.Other, "not the last of its batch"},
		{"batch without an id", func(s *scene) {
			s.frame("unread", "", func(f *history.Frame, _ map[string]any) { f.ID = "" })
		}, check.Other, "has no id"},
		{"ping with another id", func(s *scene) {
			s.frame("ping", "", func(f *history.Frame, _ map[string]any) { f.ID = "77.1" })
		}, check.Other, "the last id was"},
	} {
		t.Run(c.name, c.run)
	}
}

// TestCheckFindsNothingToCheck holds that a run which proves nothing fails.
func TestCheckFindsNothingToCheck(t *testing.T) {
	for _, c := range []sabotage{
		{"all", func(s *scene) {
			*s.h, *s.Truth = history.History{}, history.Truth{}
		}, check.Other, "no users"},
		{"notifications", func(s *scene) { s.h.Sent = nil }, check.Other, "no acknowledged notifications"},
		{"poison", func(s *scene) {
			s.h.Sent = slices.DeleteFunc(s.h.Sent, func(e history.Sent) bool { return e.Poison })
		}, check.Other, "no poison"},
		{"actions", func(s *scene) { s.h.Acted = nil }, check.Other, "no actions"},
		{"polls", func(s *scene) { s.h.Polled = nil }, check.Other, "no polls"},
		{"polls of strangers", func(s *scene) {
			s.h.Polled = []history.Polled{{Client: "c", User: "stranger"}}
		}, check.Other, "no polls"},
		{"pages", func(s *scene) { s.h.Listed = nil }, check.Other, "no pages"},
		{"counts of streams", func(s *scene) {
			s.h.Listed = nil
			for i := range s.h.Frames {
				if f := &s.h.Frames[i]; f.Event == "open" {
					f.ID = "" // the client is told no items
				}
			}
		}, check.Other, "no counts of streams"},
		{"streams", func(s *scene) { s.h.Frames = nil }, check.Other, "no batches of streams"},
		{"offsets", func(s *scene) { s.h.Committed = s.h.Committed[:1] }, check.Other, "no offsets"},
		{"rows", func(s *scene) { s.Journal = nil }, check.Other, "no rows"},
		{"items", func(s *scene) { s.Journal = nil }, check.Other, "no items"},
		{"final lists", func(s *scene) { s.Lists = nil }, check.Other, "no final lists"},
		{"stream clients", func(s *scene) { s.Held = nil }, check.Other, "no stream clients"},
	} {
		t.Run(c.name, c.run)
	}
}
