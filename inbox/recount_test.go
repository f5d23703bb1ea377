package inbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestRecount(t *testing.T) {
	now := time.Unix(1000, 0)
	row := inbox.State{Version: 9, Items: []inbox.Entry{
		{Seq: 1, Version: 1, Count: 1, Category: "a"},
		{Seq: 2, Version: 2, Count: 1, Category: "a", Priority: belfry.PriorityUrgent, Seen: true},
		{Seq: 3, Version: 3, Count: 1, Read: true, Seen: true},
		{Seq: 4, Version: 4, Count: 1, ExpiresAt: 999_000},
		{Seq: 5, Version: 5, Count: 1, ExpiresAt: 1_001_000},
	}}
	contents := func(edit func(map[uint64]*inbox.Item)) map[uint64]*inbox.Item {
		all := map[uint64]*inbox.Item{}
		for _, e := range row.Items {
			n := belfry.Notification{Category: e.Category, Priority: e.Priority}
			if e.ExpiresAt != 0 {
				n.ExpiresAt = time.UnixMilli(e.ExpiresAt)
			}
			all[e.Seq] = &inbox.Item{Seq: e.Seq, Notification: n}
		}
		edit(all)
		return all
	}
	for _, tt := range []struct {
		name  string
		edit  func(map[uint64]*inbox.Item)
		owed  uint64
		want  string // unread, unseen, urgent, missing, differing
		drift int
	}{
		{"all there", func(map[uint64]*inbox.Item) {}, 0, "3 2 1 [] []", 0},
		{"missing", func(m map[uint64]*inbox.Item) { delete(m, 1); delete(m, 5) }, 0, "1 0 1 [1 5] []", 2},
		{"one of them on its way", func(m map[uint64]*inbox.Item) { delete(m, 1); delete(m, 5) }, 5, "2 1 1 [1] []", 1},
		{"a read one is missing", func(m map[uint64]*inbox.Item) { delete(m, 3) }, 0, "3 2 1 [3] []", 0},
		{"an expired one is missing", func(m map[uint64]*inbox.Item) { delete(m, 4) }, 0, "3 2 1 [] []", 0},
		{"another category", func(m map[uint64]*inbox.Item) { m[1].Category = "b" }, 0, "3 2 1 [] [1]", 1},
		{"another priority", func(m map[uint64]*inbox.Item) { m[2].Priority = 0 }, 0, "3 2 0 [] [2]", 1},
		{"expired by its content", func(m map[uint64]*inbox.Item) { m[5].ExpiresAt = now }, 0, "2 1 1 [] [5]", 1},
		{"that of another item", func(m map[uint64]*inbox.Item) { m[1] = m[5] }, 0, "3 2 1 [] [1]", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := contents(tt.edit)
			r := row.Recount(now, func(seq uint64) (*inbox.Item, bool) { return all[seq], seq == tt.owed })
			if got := fmt.Sprint(r.Unread, r.Unseen, r.Urgent, r.Missing, r.Differing); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := r.Drift(row.Counts(now)); got != tt.drift {
				t.Errorf("drift %d, want %d", got, tt.drift)
			}
		})
	}
}
