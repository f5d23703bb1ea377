package inbox_test

import (
	"errors"
	"fmt"
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
		{"second page", query{Limit: 2, Before: inbox.Place{Seq: 4}}, 0, []uint64{3, 2}, 0},
		{"exactly full is the last", query{Limit: 4}, 0, []uint64{6, 4, 3, 2}, 0},
		{"before one that is gone", query{Limit: 1, Before: inbox.Place{Seq: 5}}, 0, []uint64{4}, 4},
		{"before the first", query{Limit: 1, Before: inbox.Place{Seq: 1}}, 0, nil, 0},
		{"what follows is filtered out", query{Status: inbox.StatusUnread, Limit: 3}, 0, []uint64{6, 4, 2}, 0},
		{"what follows has expired", query{Category: "order", Limit: 2, Before: inbox.Place{Seq: 6}}, 50, []uint64{3}, 0},
		{"limit below 1 is 1", query{}, 0, []uint64{6}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, next := h.state.Page(c.q, clock(c.at))
			var got []uint64
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			if !slices.Equal(got, c.want) || next.Seq != c.next || next.Rank != 0 {
				t.Errorf("page = %v, next %s; want %v, next %d", got, next, c.want, c.next)
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
			entries, next := h.state.Page(inbox.PageQuery{Limit: limit, Before: inbox.Place{Seq: before}}, clock(0))
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			if before = next.Seq; next.Seq == 0 {
				break
			}
		}
		slices.Reverse(got)
		if len(got) != 23 || got[0] != 1 || got[22] != 23 || !slices.IsSorted(got) {
			t.Errorf("limit %d: pages show %v, want 23 to 1", limit, got)
		}
	}
}

// TestPagesByImportance holds that urgent ones come before high ones and those before
// the rest, within each the newest first, on pages of any size; and that a place goes
// to a client and back.
func TestPagesByImportance(t *testing.T) {
	h := newHistory(t)
	importances := []belfry.Priority{belfry.PriorityLow, belfry.PriorityUrgent, belfry.PriorityNormal, belfry.PriorityHigh, belfry.PriorityUrgent, belfry.PriorityHigh, belfry.PriorityLow}
	for _, p := range importances {
		h.do(notify("", priority(p)))
	}
	want := []uint64{5, 2, 6, 4, 7, 3, 1}
	for limit := 1; limit <= len(want)+1; limit++ {
		q := inbox.PageQuery{Order: inbox.OrderImportance, Limit: limit}
		var got []uint64
		for range want {
			entries, next := h.state.Page(q, clock(0))
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			again, err := inbox.ParsePlace(&q, next.String())
			if err != nil || again != next {
				t.Fatalf("%q is read as %v, %v; want %v", next, again, err, next)
			}
			if q.Before = next; next.Seq == 0 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: got %v, want %v", limit, got, want)
		}
	}
}

func TestParsePlace(t *testing.T) {
	pages := []inbox.PageQuery{{}, {Order: inbox.OrderImportance}, {Status: inbox.StatusScheduled}}
	for text, taken := range map[string][3]bool{ // newest, importance, scheduled
		"":                               {true, true, true},
		"7":                              {true, true, true},
		"18446744073709551615":           {true, true, true},
		"n0.7.0.7.3.9":                   {true, false, false},
		"i2.7.0.7.3.9":                   {false, true, false},
		"i0.7.0.7.3.9":                   {false, true, false},
		"i3.7.0.7.3.9":                   {false, false, false},
		"n1.7.0.7.3.9":                   {false, false, false},
		"n0.0.1769850000000.7.3.9":       {true, false, false}, // not settled
		"s0.0.1769850000000.7.3.9":       {false, false, true},
		"1.7":                            {false, false, false},
		"0":                              {false, false, false},
		"07":                             {false, false, false},
		"+7":                             {false, false, false},
		"-1":                             {false, false, false},
		"7.":                             {false, false, false},
		".7":                             {false, false, false},
		"x":                              {false, false, false},
		"n":                              {false, false, false},
		"0.7.0.7.3.9":                    {false, false, false},
		"n0.7.0.0.3.9":                   {false, false, false},
		"n0.7.0.7.9":                     {false, false, false},
		"n0.7.0.7.3.9.1":                 {false, false, false},
		"n0.7.-1.7.3.9":                  {false, false, false},
		"n0.7.9223372036854775808.7.3.9": {false, false, false},
		"n256.7.0.7.3.9":                 {false, false, false},
		"n0.7.0.7.4294967296.9":          {false, false, false},
		"18446744073709551616":           {false, false, false},
	} {
		for i, page := range pages {
			_, err := inbox.ParsePlace(&page, text)
			var fe *belfry.FieldError
			if (err == nil) != taken[i] || err != nil && (!errors.As(err, &fe) || fe.Field != "before") {
				t.Errorf("%q of page %d: got %v, want taken %t", text, i, err, taken[i])
			}
		}
	}
}

func TestParseOrder(t *testing.T) {
	for text, want := range map[string]inbox.Order{"": inbox.OrderNewest, "newest": inbox.OrderNewest, "importance": inbox.OrderImportance} {
		if got, err := inbox.ParseOrder(text); got != want || err != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	var fe *belfry.FieldError
	if _, err := inbox.ParseOrder("Importance"); !errors.As(err, &fe) || fe.Field != "order" {
		t.Errorf("got %v, want an error about order", err)
	}
}

func TestParseStatus(t *testing.T) {
	for in, want := range map[string]inbox.Status{
		"": inbox.StatusAll, "all": inbox.StatusAll, "unread": inbox.StatusUnread, "archived": inbox.StatusArchived, "scheduled": inbox.StatusScheduled,
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

// TestNextNamesItsCursor holds that what follows a page names the order and the row of
// the page.
func TestNextNamesItsCursor(t *testing.T) {
	h := newHistory(t).do(notify("1"), notify("2"), touch())
	_, next := h.state.Page(inbox.PageQuery{Limit: 1}, clock(9))
	if want := (inbox.Place{Order: inbox.OrderNewest, Place: 2, Seq: 2, Cursor: h.state.Cursor()}); next != want || next.String() != fmt.Sprintf("n0.2.0.2.%d.3", h.state.Epoch) {
		t.Errorf("next is %+v, %s; want %+v", next, next, want)
	}
}
