package inbox_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestStamp(t *testing.T) {
	now := time.UnixMilli(1000)
	for want, s := range map[string]inbox.State{
		"0.0.0": {Epoch: 9},
		"9.4.0": {Epoch: 9, Version: 4, Items: []inbox.Entry{{Seq: 1}, {Seq: 2, ExpiresAt: 1001}}},
		"9.4.2": {Epoch: 9, Version: 4, Items: []inbox.Entry{{Seq: 1, ExpiresAt: 1000}, {Seq: 2, ExpiresAt: 1}, {Seq: 3}}},
	} {
		if got := s.Stamp(now).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBadge(t *testing.T) {
	s := inbox.State{Epoch: 9, Version: 4, Items: []inbox.Entry{
		{Seq: 1, Category: "a", Priority: belfry.PriorityUrgent},
		{Seq: 2, Category: "a", ExpiresAt: 1000},
	}}
	got := s.Badge(time.UnixMilli(1000))
	if got.Stamp.String() != "9.4.1" || got.Unread != 1 || got.Urgent != 1 || got.Categories["a"] != (inbox.Tally{Unread: 1, Unseen: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestCounts(t *testing.T) {
	order, board := category("order"), category("board")
	high, urgent := priority(belfry.PriorityHigh), priority(belfry.PriorityUrgent)
	type tallies = map[string]inbox.Tally
	for _, c := range []struct {
		name    string
		records records
		at      int
		want    inbox.Counts
	}{
		{"nobody", nil, 0, inbox.Counts{Categories: tallies{}}},
		{"without a category", records{notify("a")}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 1, Unseen: 1}, Categories: tallies{}}},
		{"categories", records{notify("a", order), notify("b", order), notify("c", board), notify("d")}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 4, Unseen: 4}, Categories: tallies{"order": {2, 2}, "board": {1, 1}}}},
		{"seen", records{notify("a", order), notify("b", order), seqs(seen, 1)}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 2, Unseen: 1}, Categories: tallies{"order": {2, 1}}}},
		{"read", records{notify("a", order), notify("b", board), seqs(read, 1)}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 1, Unseen: 1}, Categories: tallies{"board": {1, 1}}}},
		{"unread again stays seen", records{notify("a", order), seqs(read, 1), seqs(unread, 1)}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 1}, Categories: tallies{"order": {1, 0}}}},
		{"archived", records{notify("a", order, high), seqs(archive, 1)}, 0, inbox.Counts{Categories: tallies{}}},
		{"back from the archive", records{notify("a", order, high), seqs(archive, 1), seqs(unarchive, 1)}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 1, Unseen: 1}, Urgent: 1, Categories: tallies{"order": {1, 1}}}},
		{"urgent", records{notify("a", high), notify("b", urgent), notify("c", urgent), notify("d", priority(belfry.PriorityLow)), seqs(read, 3)}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 3, Unseen: 3}, Urgent: 2, Categories: tallies{}}},
		{"not yet expired", records{notify("a", order, urgent, expires(9))}, 8,
			inbox.Counts{Tally: inbox.Tally{Unread: 1, Unseen: 1}, Urgent: 1, Categories: tallies{"order": {1, 1}}}},
		{"expired by the clock", records{notify("a", order, urgent, expires(9))}, 9, inbox.Counts{Categories: tallies{}}},
		{"collapsed counts once", records{notify("a", collapse("k")), notify("b", collapse("k"))}, 0,
			inbox.Counts{Tally: inbox.Tally{Unread: 1, Unseen: 1}, Categories: tallies{}}},
		{"erased", records{notify("a"), erase()}, 0, inbox.Counts{Categories: tallies{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t).do(c.records...)
			if got := h.state.Counts(clock(c.at)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("counts = %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCountsJSON(t *testing.T) {
	got, err := json.Marshal(newHistory(t).do(notify("a", category("order"))).state.Counts(clock(0)))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"unread":1,"unseen":1,"urgent":0,"categories":{"order":{"unread":1,"unseen":1}}}`; string(got) != want {
		t.Errorf("json = %s, want %s", got, want)
	}
}
