package inbox_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestPage(t *testing.T) {
	order := category("order")
	h := newHistory(t).do(notify("1", order), notify("2"), notify("3", order), notify("4", order, expires(50)),
		notify("5"), notify("6", order), seqs(read, 3, 5), seqs(archive, 1, 5))
	type query = inbox.PageQuery
	for _, c := range []struct {
		name string
		q    query
		at   int
		want []uint64
		next uint64
	}{
		{"all", query{Status: inbox.StatusAll, Limit: 9}, 0, []uint64{6, 4, 3, 2}, 0},
		{"no status is all", query{Limit: 9}, 0, []uint64{6, 4, 3, 2}, 0},
		{"unread", query{Status: inbox.StatusUnread, Limit: 9}, 0, []uint64{6, 4, 2}, 0},
		{"archived", query{Status: inbox.StatusArchived, Limit: 9}, 0, []uint64{5, 1}, 0},
		{"category", query{Category: "order", Limit: 9}, 0, []uint64{6, 4, 3}, 0},
		{"unread of a category", query{Status: inbox.StatusUnread, Category: "order", Limit: 9}, 0, []uint64{6, 4}, 0},
		{"archived of a category", query{Status: inbox.StatusArchived, Category: "order", Limit: 9}, 0, []uint64{1}, 0},
		{"unknown category", query{Category: "x", Limit: 9}, 0, nil, 0},
		{"expired", query{Limit: 9}, 50, []uint64{6, 3, 2}, 0},
		{"first page", query{Limit: 2}, 0, []uint64{6, 4}, 4},
		{"second page", query{Limit: 2, Before: 4}, 0, []uint64{3, 2}, 0},
		{"exactly full is the last", query{Limit: 4}, 0, []uint64{6, 4, 3, 2}, 0},
		{"before one that is gone", query{Limit: 1, Before: 5}, 0, []uint64{4}, 4},
		{"before the first", query{Limit: 1, Before: 1}, 0, nil, 0},
		{"what follows is filtered out", query{Status: inbox.StatusUnread, Limit: 3}, 0, []uint64{6, 4, 2}, 0},
		{"what follows has expired", query{Category: "order", Limit: 2, Before: 6}, 50, []uint64{3}, 0},
		{"limit below 1 is 1", query{}, 0, []uint64{6}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, next := h.state.Page(c.q, clock(c.at))
			var got []uint64
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			if !slices.Equal(got, c.want) || next != c.next {
				t.Errorf("page = %v, next %d; want %v, next %d", got, next, c.want, c.next)
			}
		})
	}
}

func TestPagesShowEachItemOnce(t *testing.T) {
	h := newHistory(t)
	for range 23 {
		h.do(notify(""))
	}
	for limit := 1; limit <= 24; limit++ {
		var got []uint64
		before := uint64(0)
		for range 24 {
			entries, next := h.state.Page(inbox.PageQuery{Limit: limit, Before: before}, clock(0))
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			if before = next; next == 0 {
				break
			}
		}
		slices.Reverse(got)
		if len(got) != 23 || got[0] != 1 || got[22] != 23 || !slices.IsSorted(got) {
			t.Errorf("limit %d: pages show %v, want 23 to 1", limit, got)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for in, want := range map[string]inbox.Status{
		"": inbox.StatusAll, "all": inbox.StatusAll, "unread": inbox.StatusUnread, "archived": inbox.StatusArchived,
	} {
		if got, err := inbox.ParseStatus(in); got != want || err != nil {
			t.Errorf("ParseStatus(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	_, err := inbox.ParseStatus("All")
	var fe *belfry.FieldError
	if !errors.As(err, &fe) || fe.Field != "status" {
		t.Errorf("ParseStatus(All): %v, want an error of the field status", err)
	}
}
