package inbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
)

// listed writes what a client is told as "items 3 4 read 1 removed 2".
func listed(c inbox.Changes) string {
	var b []string
	add := func(name string, seqs []uint64) {
		if len(seqs) > 0 {
			b = append(b, name+" "+strings.Trim(fmt.Sprint(seqs), "[]"))
		}
	}
	var items []uint64
	for _, e := range c.Items {
		items = append(items, e.Seq)
	}
	add("items", items)
	add("read", c.Read)
	add("unread", c.Unread)
	add("seen", c.Seen)
	add("archived", c.Archived)
	add("removed", c.Removed)
	return strings.Join(b, " ")
}

func TestSince(t *testing.T) {
	k := collapse("k")
	two := records{notify("a", k), notify("b")}
	for _, c := range []struct {
		name    string
		records records
		version uint64
		at      int
		want    string
	}{
		{"nobody", nil, 0, 0, ""},
		{"nothing new", two, 2, 0, ""},
		{"of the future", two, 9, 0, ""},
		{"new", two, 1, 0, "items 2"},
		{"from the beginning", two, 0, 0, "items 1 2"},
		{"replaced", after(two, notify("c", k)), 2, 0, "items 3 removed 1"},
		{"replaced several times", after(two, notify("c", k), notify("d", k)), 2, 0, "items 4 removed 1 3"},
		{"seen", after(two, seqs(seen, 1)), 2, 0, "unread 1 seen 1"},
		{"read", after(two, seqs(read, 1)), 2, 0, "read 1"},
		{"unread again", after(two, seqs(read, 1), seqs(unread, 1)), 3, 0, "unread 1 seen 1"},
		{"archived unread", after(two, seqs(archive, 1)), 2, 0, "unread 1 archived 1"},
		{"archived and seen", after(two, seqs(seen, 1), seqs(archive, 1)), 3, 0, "unread 1 seen 1 archived 1"},
		{"archived and read", after(two, seqs(read, 1), seqs(archive, 1)), 3, 0, "read 1 archived 1"},
		{"back from the archive", after(two, seqs(archive, 1), seqs(unarchive, 1)), 3, 0, "items 1"},
		{"read after it came back", after(two, seqs(archive, 1), seqs(unarchive, 1), seqs(read, 1)), 4, 0, "read 1"},
		{"archived again", after(two, seqs(archive, 1), seqs(unarchive, 1), seqs(archive, 1)), 3, 0, "items 1"},
		{"new and read", after(two, seqs(read, 2)), 1, 0, "items 2"},
		{"deleted", after(two, seqs(remove, 1, 2)), 2, 0, "removed 1 2"},
		{"gone before the client could know", after(two, seqs(remove, 2)), 1, 0, "removed 2"},
		{"retracted first", after(two, retract("z")), 2, 0, ""},
		{"erased", after(two, erase()), 2, 0, "removed 1 2"},
		{"a command that matched nothing", after(two, seqs(read, 99)), 2, 0, ""},
		{"expired whatever the cursor", records{notify("a"), notify("b", expires(9))}, 2, 9, "removed 2"},
		{"expired and new", records{notify("a"), notify("b", expires(9))}, 1, 9, "removed 2"},
		{"not yet expired", records{notify("a"), notify("b", expires(9))}, 1, 8, "items 2"},
		{"dropped by the fold", records{notify("a", expires(2)), notify("b"), touch()}, 2, 2, "removed 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t).do(c.records...)
			got, ok := h.state.Since(c.version, clock(c.at))
			if !ok {
				t.Fatal("the client must read the inbox again; nothing was forgotten")
			}
			if listed(got) != c.want {
				t.Errorf("since %d: %q, want %q", c.version, listed(got), c.want)
			}
			if want := c.want != "" && strings.Trim(c.want, "items 0123456789") != ""; got.HasState() != want {
				t.Errorf("has state = %t with %q", got.HasState(), c.want)
			}
		})
	}
}

func TestSinceHorizon(t *testing.T) {
	h := newHistory(t)
	h.in.Cap = 2
	h.do(notify("a"), notify("b"), notify("c"), notify("d"), notify("e")) // removals 1@3 2@4 3@5
	for _, c := range []struct {
		version uint64
		ok      bool
		want    string
	}{
		// A batch from 0 that was cut short may have shown 1, of which nothing
		// is known any more.
		{0, false, ""}, {1, false, ""}, {2, false, ""},
		{3, true, "items 4 5 removed 2 3"}, {4, true, "items 5 removed 3"}, {5, true, ""},
	} {
		got, ok := h.state.Since(c.version, clock(0))
		if ok != c.ok || ok && listed(got) != c.want {
			t.Errorf("since %d: %q, %t; want %q, %t", c.version, listed(got), ok, c.want, c.ok)
		}
	}
}

func TestSinceGivesPointersIntoTheRow(t *testing.T) {
	h := newHistory(t).do(notify("a"), seqs(read, 1))
	got, _ := h.state.Since(0, clock(0))
	if e, _ := h.state.Entry(1); !slices.Equal(got.Items, []*inbox.Entry{e}) {
		t.Errorf("items = %v, want the row's own entry", got.Items)
	}
}
