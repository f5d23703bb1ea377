package check

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/chaos/history"
)

// Check compares what clients did and saw with the truth. Its oracle is
// [inbox.Fold], replayed over the journal from the zero State; what can be
// told from the journal and the answers alone is checked without it as well.
func Check(h *history.History, t *history.Truth) Verdict {
	r := &report{}
	r.checked.Sent, r.checked.Faults, r.checked.Dead = len(h.Sent), len(h.Faults), len(t.Dead)
	r.checked.Records = len(t.Journal)
	people, servers := byUser(h, t, r)
	dead := deadIDs(t)
	replay(people, r)
	for _, name := range slices.Sorted(maps.Keys(people)) {
		p := people[name]
		checkOnce(p, servers, dead, r)
		if p.own {
			checkTables(p, r)
			continue
		}
		checkAnswers(p, r)
		checkVersions(p, r)
		checkStreams(p, r)
		checkActions(p, r)
		checkTables(p, r)
		checkOutbound(p, r)
		checkLists(p, servers, r)
		p.oracle = oracle{} // it is large
	}
	checkPoison(h, t, r)
	checkOffsets(h, r)
	for _, what := range t.Stuck {
		r.find(Stuck, "", "%s", what)
	}
	r.nothing()
	return r.verdict()
}

// person is all that a run has of one user, or of a partition's own, whose row is its
// board.
type person struct {
	name    string
	own     bool // it is a partition's
	epoch   uint32
	cap     int
	boards  int      // how many notices a board keeps
	notices *notices // of the partition that the user's records are in
	board   board.Row

	sent   []history.Sent
	acted  []history.Acted
	polled []history.Polled
	listed []history.Listed
	frames []history.Frame

	journal   []history.Journaled
	row       inbox.State
	hasRow    bool
	items     map[uint64]inbox.Item
	endpoints map[uint64]inbox.Address
	outbound  []history.Decided
	lists     map[string][]history.Listed // by server
	held      []history.Held

	oracle oracle
}

// byUser splits all by user, and names the servers that were listed at the end.
func byUser(h *history.History, t *history.Truth, r *report) (people map[string]*person, servers []string) {
	people = map[string]*person{}
	all := partitions(t)
	of := func(name string) *person {
		p := people[name]
		if p == nil {
			p = &person{name: name, epoch: t.Epoch, cap: t.Cap, boards: t.BoardCap, notices: partitionOf(name, all), own: strings.HasPrefix(name, "__"),
				items: map[uint64]inbox.Item{}, endpoints: map[uint64]inbox.Address{}, lists: map[string][]history.Listed{}}
			people[name] = p
		}
		return p
	}
	split(h.Sent, func(e history.Sent) *[]history.Sent { return &of(e.Recipient).sent })
	split(h.Acted, func(e history.Acted) *[]history.Acted { return &of(e.Recipient).acted })
	split(h.Polled, func(e history.Polled) *[]history.Polled { return &of(e.User).polled })
	split(h.Listed, func(e history.Listed) *[]history.Listed { return &of(e.User).listed })
	split(h.Frames, func(e history.Frame) *[]history.Frame { return &of(e.User).frames })
	split(t.Journal, func(e history.Journaled) *[]history.Journaled { return &of(e.Recipient).journal })
	split(t.Outbound, func(e history.Decided) *[]history.Decided { return &of(e.User).outbound })
	split(t.Held, func(e history.Held) *[]history.Held { return &of(e.User).held })
	named := map[string]bool{}
	for _, l := range t.Lists {
		p := of(l.User)
		p.lists[l.Server] = append(p.lists[l.Server], l)
		named[l.Server] = true
	}
	for name, row := range t.Rows {
		p := of(name)
		p.row, p.hasRow = row, true
	}
	for name, row := range t.Boards {
		p := of(name)
		p.board, p.row, p.hasRow = row, row.State, true
	}
	for key, item := range t.Items {
		name, seq, ok := history.ParseItemKey(key)
		if !ok {
			r.find(Other, "", "an item has the key %q", key)
			continue
		}
		of(name).items[seq] = item
	}
	for key, address := range t.Endpoints {
		name, seq, _ := inbox.ParseEndpointKey(key)
		of(name).endpoints[seq] = address
	}
	return people, slices.Sorted(maps.Keys(named))
}

// split appends each event to the list that to names.
func split[T any](events []T, to func(T) *[]T) {
	for _, e := range events {
		list := to(e)
		*list = append(*list, e)
	}
}

// inOrder sorts events by time, and leaves equal ones in the order they have.
func inOrder[T any](events []T, at func(T) time.Time) []T {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b T) int { return at(a).Compare(at(b)) })
	return events
}

// groupBy splits events by what of returns, in the order of those.
func groupBy[K cmp.Ordered, T any](events []T, of func(T) K) (keys []K, groups map[K][]T) {
	groups = map[K][]T{}
	for _, e := range events {
		groups[of(e)] = append(groups[of(e)], e)
	}
	return slices.Sorted(maps.Keys(groups)), groups
}
