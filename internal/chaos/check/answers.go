package check

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// checkAnswers holds every count and every page that a client saw against the
// oracle at the version that the answer names.
func checkAnswers(p *person, r *report) {
	for _, a := range p.polled {
		what := fmt.Sprintf("poll by %s of %s at %s", a.Client, a.Server, clock(a.At))
		s, ok := p.oracle.at(a.Cursor.Version)
		if !ok {
			r.find(Drift, p.name, "%s: version %d, which no record has", what, a.Cursor.Version)
			continue
		}
		if a.Cursor.Version > 0 {
			r.checked.Polls++
		}
		if want := p.cursor(a.Cursor.Version); a.Cursor != want {
			r.find(Drift, p.name, "%s: cursor %s, want %s", what, a.Cursor, want)
		}
		if diff := diffCounts(s, a.At, a.Counts); diff != "" {
			r.find(Drift, p.name, "%s: version %d: %s", what, a.Cursor.Version, diff)
		}
	}
	for _, l := range p.listed {
		if l.Version > 0 {
			r.checked.Pages++
		}
		for _, it := range l.Items {
			if it.Audience != "" {
				r.checked.Notices++
			}
		}
		for _, diff := range p.diffPage(l) {
			r.find(Drift, p.name, "page by %s of %s at %s: version %d: %s", l.Client, l.Server, clock(l.At), l.Version, diff)
		}
	}
}

// cursor is that of a row of version.
func (p *person) cursor(version uint64) inbox.Cursor {
	if version == 0 {
		return inbox.Cursor{}
	}
	return inbox.Cursor{Epoch: p.epoch, Version: version}
}

// diffCounts returns "" if s has these counts, at any time that the answer may
// have been made.
func diffCounts(s *inbox.State, at time.Time, got inbox.Counts) string {
	var want inbox.Counts
	for i, now := range moments(s, at) {
		c := s.Counts(now)
		if c.Tally == got.Tally && c.Urgent == got.Urgent && maps.Equal(c.Categories, got.Categories) {
			return ""
		}
		if i == 0 {
			want = c
		}
	}
	return fmt.Sprintf("counts are %+v, want %+v", got, want)
}

// diffPage returns what of a page is not what the oracle has at its version.
func (p *person) diffPage(l history.Listed) []string {
	s, ok := p.oracle.at(l.Version)
	if !ok {
		return []string{"no record has this version"}
	}
	var first []string
	for i, now := range moments(s, l.At) {
		diff := p.diffPageAt(l, s, now)
		if len(diff) == 0 {
			return nil
		}
		if i == 0 {
			first = diff
		}
	}
	return first
}

func (p *person) diffPageAt(l history.Listed, s *inbox.State, now time.Time) (diff []string) {
	add := func(format string, args ...any) { diff = append(diff, fmt.Sprintf(format, args...)) }
	if want := s.Counts(now).Unread; l.Unread != want {
		add("unread is %d, want %d", l.Unread, want)
	}
	q := inbox.PageQuery{Status: inbox.StatusAll, Before: inbox.Place{Seq: l.Before}, Limit: max(len(l.Items), 1)}
	if l.Archived {
		q.Status = inbox.StatusArchived
	}
	if l.Limit > 0 {
		q.Limit = l.Limit
	}
	entries, next := s.Page(q, now)
	want := make([]history.Item, len(entries))
	for i, e := range entries {
		want[i] = p.item(e)
	}
	if !slices.EqualFunc(l.Items, want, sameItem) {
		add("items are\n\t%v\n\twant\n\t%v", l.Items, want)
	} else if l.Next != next.Seq {
		add("next is %d, want %d", l.Next, next.Seq)
	}
	cursor := p.cursor(l.Version)
	for _, it := range l.Items { // newest first, so that the oldest pending one is the last
		if it.Pending {
			cursor.Version = it.Seq - 1
		}
	}
	if l.Cursor != cursor {
		add("cursor is %s, want %s", l.Cursor, cursor)
	}
	return diff
}

// clock is how times of a run are shown.
func clock(t time.Time) string { return t.Format("15:04:05.000") }
