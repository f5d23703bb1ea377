package check_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// told is one thing that happens to a client: a frame, or a list.
type told struct {
	event, id, data string
	list            *history.Listed
}

func open(cursor string) told    { return told{event: "open", id: cursor} }
func item(data string) told      { return told{event: "item", data: "{" + data + "}"} }
func state(data string) told     { return told{event: "state", data: "{" + data + "}"} }
func ping(id string) told        { return told{event: "ping", id: id, data: `{"version":9}`} }
func bye(id string) told         { return told{event: "bye", id: id, data: `{"reason":"drain"}`} }
func list(l history.Listed) told { return told{list: &l} }
func resync(version uint64) told {
	return told{event: "resync", id: at(version), data: fmt.Sprintf(`{"version":%d}`, version)}
}

// unread ends a batch at version, which is also its id.
func unread(version uint64, unread, unseen int) told { return behind(version, version, unread, unseen) }

// behind ends a batch whose id stays before a pending item.
func behind(id, version uint64, unread, unseen int) told {
	return told{event: "unread", id: at(id), data: fmt.Sprintf(`{"version":%d,"unread":%d,"unseen":%d}`, version, unread, unseen)}
}

func at(version uint64) string {
	if version == 0 {
		return "0.0"
	}
	return inbox.Cursor{Epoch: 7, Version: version}.String()
}

// page is a complete list: item 1 read, item 2 not, item 3 neither.
func page() history.Listed {
	return history.Listed{Cursor: inbox.Cursor{Epoch: 7, Version: 5}, Version: 5, Unread: 2,
		Items: []history.Item{{Seq: 3, Version: 3}, {Seq: 2, Version: 4, Seen: true}, {Seq: 1, Version: 5, Read: true, Seen: true}}}
}

func tellAll(h *check.Holder, all []told) error {
	var errs []error
	for _, e := range all {
		if e.list != nil {
			h.Reset(*e.list)
		} else {
			errs = append(errs, h.Apply(e.event, e.id, []byte(e.data)))
		}
	}
	return errors.Join(errs...)
}

// shown writes a client's items as "3 2s 1r".
func shown(h *check.Holder) string {
	var texts []string
	for _, it := range h.Items() {
		text := fmt.Sprint(it.Seq)
		switch {
		case it.Read:
			text += "r"
		case it.Seen:
			text += "s"
		}
		if it.Pending {
			text += "p"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// cursor is from where the client goes on, or "list".
func cursor(h *check.Holder) string {
	if c, ok := h.Cursor(); ok {
		return c.String()
	}
	return "list"
}

func TestHolderKeepsWhatItIsTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		all    []told
		items  string
		unread int
		cursor string
	}{
		{"nothing", nil, "", 0, "list"},
		{"the badge alone", []told{open(""), unread(9, 4, 4)}, "", 4, "7.9"},
		{"a list", []told{list(page())}, "3 2s 1r", 2, "7.5"},
		{"an item", []told{list(page()), open("7.5"), item(`"seq":6,"version":6`), unread(6, 3, 2)}, "6 3 2s 1r", 3, "7.6"},
		{"an item of the archive", []told{list(page()), open("7.5"), item(`"seq":6,"version":6,"archived":true`), unread(6, 2, 1)}, "3 2s 1r", 2, "7.6"},
		{"an item that replaces", []told{list(page()), open("7.5"), item(`"seq":6,"version":6,"replaces":3`), unread(6, 2, 1)}, "6 2s 1r", 2, "7.6"},
		{"flags", []told{list(page()), open("7.5"),
			state(`"version":9,"read":[3],"unread":[1,2],"seen":[2]`), unread(9, 2, 1)}, "3r 2s 1", 2, "7.9"},
		{"archived and removed", []told{list(page()), open("7.5"),
			state(`"version":9,"unread":[2],"archived":[2],"removed":[1,77]`), unread(9, 1, 1)}, "3", 1, "7.9"},
		{"back from the archive", []told{list(page()), open("7.5"), state(`"version":6,"unread":[2],"archived":[2]`), unread(6, 1, 1),
			item(`"seq":2,"version":8`), unread(8, 2, 2)}, "3 2 1r", 2, "7.8"},
		{"a batch cut short is no place to go on from", []told{list(page()), open("7.5"), item(`"seq":6,"version":6`)}, "6 3 2s 1r", 2, "7.5"},
		{"what is older changes nothing", []told{list(page()), open("7.5"), state(`"version":9,"read":[3]`), open("7.5"),
			item(`"seq":6,"version":6`), state(`"version":7,"unread":[3],"removed":[3]`), behind(7, 7, 9, 9)}, "6 3r 2s 1r", 9, "7.7"},
		{"what is gone does not come back", []told{list(page()), open("7.5"), state(`"version":9,"removed":[3]`), open("7.5"),
			item(`"seq":3,"version":3`), behind(7, 7, 2, 1)}, "2s 1r", 2, "7.7"},
		{"a notice that has expired is gone with each version", []told{list(page()), open("7.5"), item(`"seq":6,"version":6,"audience":"all"`), unread(6, 3, 2),
			state(`"version":6,"removed":[6]`), unread(6, 2, 1), state(`"version":7,"removed":[6]`), unread(7, 2, 1), state(`"version":8,"removed":[6]`), unread(8, 2, 1)}, "3 2s 1r", 2, "7.8"},
		{"one that had expired before is gone with each version", []told{list(page()), open("7.5"),
			state(`"version":6,"removed":[6]`), unread(6, 2, 1), state(`"version":7,"removed":[6]`), unread(7, 2, 1), state(`"version":8,"removed":[6]`), unread(8, 2, 1)}, "3 2s 1r", 2, "7.8"},
		{"what a list does not have does not come back", []told{open("7.1"), resync(2), list(page()), item(`"seq":4,"version":4`), behind(4, 4, 9, 9)}, "3 2s 1r", 2, "7.4"},
		{"what is below a page may come", []told{list(history.Listed{Version: 5, Next: 3, Items: page().Items[:1]}), open("7.5"), item(`"seq":2,"version":5`), unread(6, 2, 2)}, "3 2", 2, "7.6"},
		{"content that comes after the flags", []told{list(page()), open("7.5"), item(`"seq":6,"version":6,"pending":true`), behind(5, 6, 3, 2),
			state(`"version":8,"read":[6]`), behind(5, 8, 2, 1), item(`"seq":6,"version":8,"read":true,"seen":true`), unread(8, 2, 1)}, "6r 3 2s 1r", 2, "7.8"},
		{"content that stays although it is pending elsewhere", []told{list(page()), open("7.5"), item(`"seq":6,"version":6`), open("7.5"),
			item(`"seq":6,"version":6,"pending":true`), behind(5, 6, 3, 2)}, "6 3 2s 1r", 3, "7.5"},
		{"a resync asks for a list", []told{list(page()), open("7.5"), resync(9)}, "3 2s 1r", 2, "list"},
		{"the list of a resync", []told{open("7.1"), resync(5), list(page()), unread(6, 2, 1)}, "3 2s 1r", 2, "7.6"},
		{"content that a resync's list lacked", []told{open("7.1"), resync(9), list(history.Listed{Cursor: inbox.Cursor{Epoch: 7, Version: 2}, Version: 9, Unread: 1,
			Items: []history.Item{{Seq: 3, Version: 3, Pending: true}}}), ping(at(9))}, "3p", 1, "list"},
		{"content that comes after a resync's list", []told{open("7.1"), resync(9), list(history.Listed{Cursor: inbox.Cursor{Epoch: 7, Version: 2}, Version: 9, Unread: 1,
			Items: []history.Item{{Seq: 3, Version: 3, Pending: true}}}), item(`"seq":3,"version":3`), unread(9, 1, 1)}, "3", 1, "7.9"},
		{"nothing was missed", []told{list(page()), open("7.5"), ping(at(5)), bye(at(5))}, "3 2s 1r", 2, "7.5"},
		{"all from the first", []told{open("0.0"), item(`"seq":1,"version":1`), unread(1, 1, 1), ping(at(1)), bye(at(1))}, "1", 1, "7.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h check.Holder
			if err := tellAll(&h, c.all); err != nil {
				t.Error(err)
			}
			if got := shown(&h); got != c.items {
				t.Errorf("items = %q, want %q", got, c.items)
			}
			if h.Unread() != c.unread {
				t.Errorf("unread = %d, want %d", h.Unread(), c.unread)
			}
			if got := cursor(&h); got != c.cursor {
				t.Errorf("cursor = %s, want %s", got, c.cursor)
			}
			held := h.Held("c", "u")
			if held.Client != "c" || held.User != "u" || held.Unread != c.unread || !slices.Equal(held.Items, h.Items()) {
				t.Errorf("held = %+v", held)
			}
		})
	}
}

func TestHolderTellsWhatIsOwed(t *testing.T) {
	var h check.Holder
	if _, owing := h.Owed(); owing {
		t.Error("owes a list that nobody asked for")
	}
	if err := tellAll(&h, []told{open("none"), resync(9)}); err != nil {
		t.Fatal(err)
	}
	if version, owing := h.Owed(); version != 9 || !owing {
		t.Errorf("owed = %d, %t", version, owing)
	}
	h.Reset(page())
	if _, owing := h.Owed(); owing {
		t.Error("still owes the list")
	}
}

func TestHolderFindsBreaches(t *testing.T) {
	start := []told{list(page()), open("7.5")}
	for _, c := range []struct {
		name string
		all  []told
		kind check.Kind
		text string
	}{
		{"item twice", []told{item(`"seq":6,"version":6`), item(`"seq":6,"version":6`), unread(6, 3, 2)}, check.Doubled, "twice"},
		{"removal twice", []told{state(`"version":6,"removed":[3]`), unread(6, 1, 0), state(`"version":6,"removed":[3]`), unread(6, 1, 0)}, check.Doubled, "removed twice"},
		{"removal thrice", []told{
			state(`"version":6,"removed":[3]`), unread(6, 1, 0), state(`"version":7,"removed":[3]`), unread(7, 1, 0), state(`"version":8,"removed":[3]`), unread(8, 1, 0),
		}, check.Doubled, "removed twice"},
		{"id that goes back", []told{unread(8, 2, 1), behind(7, 8, 2, 1)}, check.Back, "id after 7.8"},
		{"id before the cursor asked for", []told{behind(4, 5, 2, 1)}, check.Back, "id after 7.5"},
		{"version that goes back", []told{behind(6, 8, 2, 1), behind(6, 7, 2, 1)}, check.Back, "version 7 after 8"},
		{"ping that goes back", []told{unread(10, 2, 1), ping(at(10))}, check.Back, "version 9 after 10"},
		{"version before the id", []told{behind(8, 7, 2, 1)}, check.Other, "before the id"},
		{"id on an item", []told{{event: "item", id: "7.6", data: `{"seq":6,"version":6}`}}, check.Other, "not the last of its batch"},
		{"id on a state", []told{{event: "state", id: "7.6", data: `{"version":6}`}}, check.Other, "not the last of its batch"},
		{"no id on the last", []told{{event: "unread", data: `{"version":6}`}}, check.Other, "has no id"},
		{"id that is none", []told{{event: "unread", id: "x", data: `{"version":6}`}}, check.Other, "cursor"},
		{"count", []told{unread(6, 3, 1)}, check.Drift, "held are 2 and 1"},
		{"count of unseen", []told{unread(6, 2, 2)}, check.Drift, "held are 2 and 1"},
		{"item after the state", []told{state(`"version":6,"read":[3]`), item(`"seq":6,"version":6`)}, check.Other, "after the state"},
		{"two states", []told{state(`"version":6,"read":[3]`), state(`"version":6,"read":[2]`)}, check.Other, "second state"},
		{"items out of order", []told{item(`"seq":7,"version":7`), item(`"seq":6,"version":6`)}, check.Other, "item 6 after item 7"},
		{"pressing item too late", []told{item(`"seq":6,"version":6,"priority":"low"`), item(`"seq":7,"version":7,"priority":"high"`)}, check.Other, "less important"},
		{"urgent after high", []told{item(`"seq":6,"version":6,"priority":"high"`), item(`"seq":7,"version":7,"priority":"urgent"`)}, check.Other, "less important"},
		{"ping within a batch", []told{item(`"seq":6,"version":6`), ping("")}, check.Other, "within a batch"},
		{"resync within a batch", []told{item(`"seq":6,"version":6`), resync(9)}, check.Other, "within a batch"},
		{"ping with an id that was never sent", []told{ping(at(6))}, check.Other, `the last id was ""`},
		{"bye without the last id", []told{unread(6, 2, 1), bye("")}, check.Other, `the last id was "7.6"`},
		{"something after bye", []told{bye(""), ping("")}, check.Other, "after bye"},
		{"data that is no JSON", []told{{event: "item", data: `{`}}, check.Other, "data"},
		{"unknown event", []told{{event: "message", data: `{}`}}, check.Other, "no event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h check.Holder
			if err := tellAll(&h, start); err != nil {
				t.Fatal(err)
			}
			err := tellAll(&h, c.all)
			var b *check.Breach
			if !errors.As(err, &b) || b.Kind != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Errorf("found %v, want %s with %q", err, c.kind, c.text)
			}
		})
	}
	t.Run("before a connection", func(t *testing.T) {
		var h check.Holder
		if err := tellAll(&h, []told{unread(6, 2, 1)}); err == nil {
			t.Error("found nothing")
		}
	})
}

// TestHolderCountsOnlyWhatItHolds holds that a count is no breach where the
// client cannot know better.
func TestHolderCountsOnlyWhatItHolds(t *testing.T) {
	more := page()
	more.Next = 1
	for _, c := range []struct {
		name string
		all  []told
	}{
		{"the badge alone", []told{open(""), unread(6, 99, 9)}},
		{"one page of several", []told{list(more), open("7.5"), unread(6, 99, 9)}},
		{"a cursor after what is held", []told{list(page()), open("7.6"), unread(7, 99, 9)}},
		{"a server behind what is held", []told{list(page()), open("7.4"), behind(4, 4, 99, 9)}},
		{"no list after a resync", []told{list(page()), open("7.5"), resync(7), unread(8, 99, 9)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h check.Holder
			if err := tellAll(&h, c.all); err != nil {
				t.Error(err)
			}
		})
	}
}
