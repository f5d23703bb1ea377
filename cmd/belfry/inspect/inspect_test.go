package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

// The inbox table is read after the row: an item that came in between is not
// what a crash left behind.
func TestNewerContentIsNoOrphan(t *testing.T) {
	row := inbox.State{Epoch: 1, Version: 7, Items: []inbox.Entry{{Seq: 5, Version: 5, Count: 1}}}
	items := map[uint64]inbox.Item{4: {Seq: 4}, 5: {Seq: 5}, 7: {Seq: 7}, 8: {Seq: 8}}
	report := newUserReport("user-7", 0, &row, items, time.Now())
	if want := []uint64{4, 7}; !slices.Equal(report.Orphans, want) {
		t.Errorf("orphans %v, want %v", report.Orphans, want)
	}
}

// Hidden items, mutes and members are shown with their times.
func TestTimesOfItems(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000).UTC()
	row := inbox.State{Epoch: 1, Version: 20, Mutes: []inbox.Mute{{Category: "board", Version: 3, At: now.UnixMilli() - 60_000}}, Items: []inbox.Entry{
		{Seq: 5, Version: 5, Count: 1, Until: now.UnixMilli() + 60_000, Born: true},
		{Seq: 6, Version: 9, Count: 1, Until: now.UnixMilli() + 60_000},
		{Seq: 7, Version: 10, Count: 1, Until: now.UnixMilli() - 1000},
		{Seq: 8, Version: 12, Count: 1, Until: now.UnixMilli() - 60_000, Shown: 12},
		{Seq: 14, Version: 14, Count: 3, Group: &inbox.Group{Earlier: []inbox.Member{{Seq: 11}, {Seq: 13}}}},
		{Seq: 15, Version: 15, Count: 1, Muted: true, Archived: true, Read: true, Seen: true},
	}}
	items := map[uint64]inbox.Item{}
	for _, seq := range []uint64{5, 6, 7, 8, 11, 14, 15} {
		items[seq] = inbox.Item{Seq: seq}
	}
	report := newUserReport("user-7", 0, &row, items, now)
	if len(report.Orphans) > 0 {
		t.Errorf("orphans %v, want none: a member's content is held", report.Orphans)
	}
	var out strings.Builder
	if err := report.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"muted  board  since 2026-09-21T14:12:20Z  (version 3)",
		"hidden  scheduled for 2026-09-21T14:14:20Z",
		"hidden  snoozed until 2026-09-21T14:14:20Z",
		"unread  shows since 2026-09-21T14:13:19Z, not settled",
		"unread  shows since 2026-09-21T14:12:20Z, settled at version 12",
		"1 of 3 missing",
		"archived  muted",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
