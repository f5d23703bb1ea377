package reach_test

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// facts are what the journal says of an item from a version on.
type facts struct {
	v                uint64
	seen, read, away bool
	gone             uint64  // 1, or the version that took its place; 0 for not
	until, woke      float64 // until: hidden up to then
	shown            uint64  // version at which it woke
	touched          bool
}

type told struct {
	*event
	seq  uint64
	hist []facts
	prev []uint64 // items that it took the place of
}

func (i *told) last() facts { return i.hist[len(i.hist)-1] }

func (i *told) put(v uint64, set func(*facts)) {
	f := i.last()
	f.v = v
	set(&f)
	i.hist = append(i.hist, f)
}

func (i *told) at(v uint64) (facts, bool) {
	for j := len(i.hist) - 1; j >= 0; j-- {
		if i.hist[j].v <= v {
			return i.hist[j], true
		}
	}
	return facts{}, false
}

type wishes struct {
	v      uint64
	on     map[string]bool
	urgent bool
	quiet  [2]float64
}

type known struct {
	kind inbox.EndpointKind
	seq  uint64
}

type firstAt struct {
	v uint64
	t float64
}

// oracle is what the journal alone says, read by other rules than the fold's.
type oracle struct {
	w       *world
	items   map[string]map[uint64]*told
	prefs   map[string][]wishes
	eps     map[string]map[string]known
	first   map[string]map[inbox.EndpointKind][]firstAt
	untold  map[decision]uint64
	snoozed map[string]map[uint64][]uint64
}

func (o *oracle) sorted(u string) []*told {
	var all []*told
	for _, i := range o.items[u] {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b *told) int { return cmp.Compare(a.seq, b.seq) })
	return all
}

func newOracle(w *world) *oracle {
	o := &oracle{w, map[string]map[uint64]*told{}, map[string][]wishes{}, map[string]map[string]known{}, map[string]map[inbox.EndpointKind][]firstAt{}, map[decision]uint64{}, map[string]map[uint64][]uint64{}}
	for n, e := range w.journal {
		o.add(uint64(n+1), e)
	}
	return o
}

func (o *oracle) add(v uint64, e *event) {
	u, t := e.user, e.t
	if o.items[u] == nil {
		o.items[u], o.eps[u], o.first[u], o.snoozed[u] = map[uint64]*told{}, map[string]known{}, map[inbox.EndpointKind][]firstAt{}, map[uint64][]uint64{}
		o.prefs[u] = []wishes{{on: map[string]bool{"push": true, "mail": true}}}
	}
	for _, i := range o.sorted(u) {
		x := i.last()
		if 0 < i.exp && ms(i.exp) <= ms(t) && x.gone == 0 {
			i.put(v, func(f *facts) { f.gone = 1 })
		} else if 0 < x.until && ms(x.until) <= ms(t) {
			i.put(v, func(f *facts) { f.until, f.woke, f.shown = 0, x.until, v })
		}
	}
	switch e.kind {
	case "notify":
		mine := &told{event: e, seq: v, hist: []facts{{v: v}}}
		var mate *told
		rank := func(i *told) uint64 {
			if x := i.last(); x.until == 0 {
				return max(i.seq, x.shown)
			}
			return 0 // hidden
		}
		for _, i := range o.sorted(u) {
			if x := i.last(); e.key == "" || i.key != e.key || x.away || x.gone != 0 {
				continue
			}
			shows := func(i *told) float64 { return max(i.last().woke, i.last().until) }
			if mate == nil || cmp.Or(cmp.Compare(rank(i), rank(mate)), cmp.Compare(shows(i), shows(mate)), cmp.Compare(i.seq, mate.seq)) > 0 {
				mate = i
			}
		}
		if mate != nil {
			if rank(mate) > 0 {
				mine.prev = []uint64{mate.seq}
			}
			mate.put(v, func(f *facts) { f.gone = v })
		}
		o.items[u][v] = mine
	case "prefs":
		last := o.prefs[u][len(o.prefs[u])-1]
		next := wishes{v: v, on: map[string]bool{"push": last.on["push"], "mail": last.on["mail"]}, urgent: last.urgent, quiet: last.quiet}
		for name, on := range e.on {
			next.on[name] = on
		}
		if e.urgent != nil {
			next.urgent = *e.urgent
		}
		if e.quiet != nil {
			next.quiet = *e.quiet
		}
		o.prefs[u] = append(o.prefs[u], next)
	case "endpoint":
		kind := kindOf(e.hash)
		had := false
		for _, k := range o.eps[u] {
			had = had || k.kind == kind
		}
		if !had {
			o.first[u][kind] = append(o.first[u][kind], firstAt{v, t})
		}
		o.eps[u][e.hash] = known{kind, v}
	case "unsubscribe":
		delete(o.eps[u], e.hash)
	case "gone":
		for hash, k := range o.eps[u] {
			if k.seq == e.gone {
				delete(o.eps[u], hash)
			}
		}
	case "untell":
		if d := (decision{u, e.untell.Channel, e.untell.Decision}); o.untold[d] == 0 {
			o.untold[d] = v
		}
	case "tell":
	default:
		o.command(v, e)
	}
}

func (o *oracle) command(v uint64, e *event) {
	for _, q := range e.seqs {
		i := o.items[e.user][q]
		if i.last().gone != 0 || e.kind == "snooze" && 0 < i.exp && ms(i.exp) <= ms(e.until) {
			continue
		}
		i.put(v, func(f *facts) {
			f.touched = f.touched || e.kind != "seen"
			switch e.kind {
			case "snooze":
				*f = facts{v: v, until: e.until}
				o.snoozed[e.user][q] = append(o.snoozed[e.user][q], v)
			case "seen":
				f.seen = true
			case "read":
				f.seen, f.read = true, true
			case "unread":
				f.read = false
			case "archive", "unarchive":
				f.away = e.kind == "archive"
			case "delete":
				f.gone = 1
			}
		})
	}
}

// chain is the item and those that it took the place of while ends was false of them.
func (o *oracle) chain(u string, q uint64, ends func(facts) bool) []uint64 {
	out := []uint64{q}
	for _, p := range o.items[u][q].prev {
		if !ends(o.items[u][p].last()) {
			out = append(out, o.chain(u, p, ends)...)
		}
	}
	return out
}

func (c way) over(f facts) bool { return c.ends(f.seen, f.read) }
func unseen(f facts) bool       { return f.seen }

func quietEnd(q [2]float64, t float64) float64 {
	x := math.Mod(t, day)
	a, b := q[0], q[1]
	switch {
	case a <= b && (x < a || x >= b), a > b && x < a && x >= b:
		return t
	case a > b && x >= a:
		return t - x + b + day
	}
	return t - x + b
}

// ruled is when the policy tells of what shows since start. Digests have their user's own
// moment.
func (o *oracle) ruled(c way, pri belfry.Priority, start float64, u string) (t float64, digest bool) {
	switch {
	case c.name == "push" && pri == belfry.PriorityUrgent:
		return start, false
	case c.name == "push":
		return start + o.w.delay, false
	case pri > belfry.PriorityNormal:
		return start + 1800, false
	}
	h := fnv.New32a()
	h.Write([]byte(u))
	since := math.Mod(9*hour-start, day)
	if since < 0 {
		since += day
	}
	return start + since + float64(h.Sum32()%600_000)/1000, true
}

// late yields what should have been sent by t, 15 minutes after all that holds it, and was
// not.
func (o *oracle) late(t, calm float64) (bad []string) {
	V := uint64(0)
	for _, e := range o.w.journal {
		if e.real <= t {
			V++
		}
	}
	for _, u := range []string{"a", "b", "c"} {
		for _, c := range ways {
			if len(o.prefs[u]) == 0 {
				continue
			}
			p := o.prefs[u][len(o.prefs[u])-1]
			var kept []float64
			for _, d := range o.w.decisions {
				if e := o.w.journal[d.version-1]; d.user == u && d.channel == c.name && o.untold[d] == 0 && !e.tell.Digest {
					kept = append(kept, e.real)
				}
			}
			reachable := false
			for hash, k := range o.eps[u] {
				reachable = reachable || k.kind == c.kind && !o.w.dead[endpointOf{u, hash}]
			}
			if !p.on[c.name] || !reachable {
				continue
			}
			firsts := o.first[u][c.kind]
			f := firsts[len(firsts)-1]
			for _, i := range o.sorted(u) {
				x, ok := i.at(V)
				if !ok {
					continue
				}
				woke := cmp.Or(x.woke, x.until)
				ch := o.chain(u, i.seq, c.over)
				if c.over(x) || x.away || x.gone != 0 || woke > t || i.seq < f.v && woke <= f.t+skewed {
					continue
				}
				touched, began := false, math.MaxFloat64
				for _, a := range ch {
					was, _ := o.items[u][a].at(V)
					touched = touched || was.touched
				}
				for _, a := range o.chain(u, i.seq, unseen) {
					if was, _ := o.items[u][a].at(V); a >= f.v {
						began = min(began, cmp.Or(was.woke, o.items[u][a].t))
					}
				}
				if woke != 0 {
					began = woke
				}
				if touched || began == math.MaxFloat64 {
					continue
				}
				at, digest := o.ruled(c, i.pri, began, u)
				e := quietEnd(p.quiet, max(at, calm)) + 900
				recent := 0
				for _, k := range kept {
					if e-26*hour < k && k <= t {
						recent++
					}
				}
				held := !digest && t-e < 2*day && recent >= c.cap
				if e <= t && (i.exp == 0 || i.exp > e) && !held && !o.sentOf(u, c, woke-skewed, t, ch) {
					bad = append(bad, fmt.Sprintf("%s, %s: item %d should have been sent by %.0f", u, c.name, i.seq, e))
				}
			}
		}
	}
	return bad
}

func (o *oracle) sentOf(u string, c way, from, to float64, items []uint64) bool {
	for _, m := range o.w.sends {
		if m.d.user == u && m.d.channel == c.name && from <= m.t && m.t <= to && slices.ContainsFunc(m.seqs, func(q uint64) bool { return slices.Contains(items, q) }) {
			return true
		}
	}
	return false
}
