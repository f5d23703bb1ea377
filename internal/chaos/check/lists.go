package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/belfry/belfry/internal/chaos/history"
)

// checkLists holds the final lists of all servers against each other and
// against the oracle.
func checkLists(p *person, servers []string, r *report) {
	if len(p.journal) == 0 && len(p.lists) == 0 {
		return
	}
	for _, archived := range []bool{false, true} {
		var first []history.Item
		var firstServer string
		for _, server := range servers {
			items, ok := chain(p.lists[server], archived)
			if !ok {
				r.find(Other, p.name, "the final pages of %s (archived: %t) are no complete list: %d pages", server, archived, len(p.lists[server]))
				continue
			}
			if p.oracle.final.Version > 0 && archived {
				r.checked.Finals++
			}
			if firstServer == "" {
				first, firstServer = items, server
				continue
			}
			if diff := diffLists(first, items); diff != "" {
				r.find(Drift, p.name, "%s and %s list (archived: %t) differently at the end: %s", firstServer, server, archived, diff)
			}
		}
	}
	for _, server := range servers {
		for _, l := range p.lists[server] {
			p.checkFinal(l, r)
		}
	}
}

// checkFinal holds one page at the end against the final state.
func (p *person) checkFinal(l history.Listed, r *report) {
	what := fmt.Sprintf("final page of %s (archived: %t, before: %d)", l.Server, l.Archived, l.Before)
	if want := p.oracle.final.Version; l.Version != want {
		r.find(Drift, p.name, "%s is of version %d, want %d", what, l.Version, want)
	}
	for _, it := range l.Items {
		if it.Pending {
			r.find(Lost, p.name, "%s has item %d without its content", what, it.Seq)
		}
	}
	for _, diff := range p.diffPage(l) {
		r.find(Drift, p.name, "%s: %s", what, diff)
	}
}

// chain joins the pages of one list, from the first one on. It reports false
// if they are not exactly those that lead from one to the next.
func chain(pages []history.Listed, archived bool) ([]history.Item, bool) {
	var items []history.Item
	left, before := 0, map[uint64]*history.Listed{}
	for i := range pages {
		if l := &pages[i]; l.Archived == archived {
			before[l.Before] = l
			left++
		}
	}
	for at := uint64(0); ; {
		l := before[at]
		if l == nil {
			return nil, false
		}
		items = append(items, l.Items...)
		if left--; l.Next == 0 || left == 0 {
			return items, l.Next == 0 && left == 0
		}
		at = l.Next
	}
}

func diffLists(a, b []history.Item) string {
	if slices.Equal(a, b) {
		return ""
	}
	return fmt.Sprintf("\n\t%v\n\t%v", a, b)
}

// end is a time after all that happened to the user.
func (p *person) end() (end time.Time) {
	for i := range p.journal {
		if at := p.journal[i].Time; at.After(end) {
			end = at
		}
	}
	for _, pages := range p.lists {
		for i := range pages {
			if at := pages[i].At; at.After(end) {
				end = at
			}
		}
	}
	return end
}
