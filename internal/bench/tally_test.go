package bench

import (
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

// folded is what the tables hold once the events 0 to n-1 were folded.
func folded(n, users int) held {
	h := held{map[string]inbox.State{}, map[string]inbox.Item{}}
	for i := range n {
		e := Event(i, users, time.Time{})
		row, effects := inbox.Fold(h.rows[e.Recipient], inbox.Record{Kind: inbox.KindNotify, Notification: e},
			inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(i)}})
		h.rows[e.Recipient] = row
		h.items[inbox.ItemKey(e.Recipient, effects.Item.Seq)] = *effects.Item
	}
	return h
}

func TestCompare(t *testing.T) {
	const n, users = 20, 4
	first := Event(0, users, time.Time{}).Recipient
	key := inbox.ItemKey(first, 1)
	for name, tt := range map[string]struct {
		damage func(*held)
		want   Loss
	}{
		"nothing": {func(*held) {}, Loss{Inbox: Tally{Exact: n}, Rows: Tally{Exact: n}}},
		"content lost": {func(h *held) { delete(h.items, key) },
			Loss{Inbox: Tally{Exact: n - 1, Lost: 1}, Rows: Tally{Exact: n}, Apart: 1}},
		"content doubled": {func(h *held) { h.items[inbox.ItemKey(first, 1000)] = h.items[key] },
			Loss{Inbox: Tally{Exact: n - 1, Doubled: 1}, Rows: Tally{Exact: n}, Apart: 1}},
		"content of nobody": {func(h *held) { h.items[inbox.ItemKey(first, 1000)] = inbox.Item{} },
			Loss{Inbox: Tally{Exact: n, Strange: 1}, Rows: Tally{Exact: n}, Apart: 1}},
		"content of somebody else": {func(h *held) {
			h.items[inbox.ItemKey("user-0000001", 1)] = h.items[key]
			delete(h.items, key)
		}, Loss{Inbox: Tally{Exact: n - 1, Lost: 1, Strange: 1}, Rows: Tally{Exact: n}, Apart: 2}},
		"row lost": {func(h *held) { delete(h.rows, first) },
			Loss{Inbox: Tally{Exact: n}, Rows: Tally{Exact: n - n/users, Lost: n / users}, Wrong: 1, Apart: n / users}},
		"entry doubled": {func(h *held) {
			row := h.rows[first]
			e := row.Items[0]
			e.Seq = 1000
			row.Items = append(row.Items, e)
			h.rows[first] = row
		}, Loss{Inbox: Tally{Exact: n}, Rows: Tally{Exact: n - 1, Doubled: 1}, Wrong: 1, Apart: 1}},
		"entry read": {func(h *held) { h.rows[first].Items[0].Read = true },
			Loss{Inbox: Tally{Exact: n}, Rows: Tally{Exact: n}, Wrong: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := folded(n, users)
			tt.damage(&h)
			got := Loss{Sent: n}
			h.compare(&got, users)
			tt.want.Sent = n
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
