package reach_test

import (
	"math"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// Senders keep to these. The attempts are few so that some histories come to the last.
const (
	waits    = 30.
	inFlight = 12
	slots    = 3
	attempts = 9
)

// sender sends on one channel. All that it has is lost in a crash; as a zombie it finishes
// what it has begun.
type sender struct {
	w            *world
	c            way
	live, zombie bool
	flying       map[int]*flight
	done         map[int]bool
	slots        map[string]int
	seen         map[string]int // how far into each user's rows the view is
	rows         map[string]inbox.State
	lag          float64
	next         int
}

// flight is a decision that a sender has in hand.
type flight struct {
	k     int
	r     outRecord
	begun float64 // the first look at the row; NaN before that
	waits float64 // since when it waits for the row; NaN for not at all
	open  []string
	eps   []inbox.Endpoint
}

func newSender(w *world, c way) *sender {
	s := &sender{w: w, c: c, live: true, flying: map[int]*flight{}, done: map[int]bool{}, slots: map[string]int{}, seen: map[string]int{}, rows: map[string]inbox.State{}, lag: 2, next: w.pos[c.name]}
	w.at(w.now, s.fetch)
	return s
}

// view is the newest row that has reached this process, never an older one again.
func (s *sender) view(u string) *inbox.State {
	table, best := s.w.table[u], s.rows[u]
	for s.seen[u] < len(table) && table[s.seen[u]].t <= s.w.now-s.lag {
		if row := table[s.seen[u]].row; row.Version > best.Version {
			best = row
		}
		s.seen[u]++
	}
	s.rows[u] = best
	return &best
}

func (s *sender) fetch() {
	for s.live && !s.zombie && s.next < len(s.w.outbound) && len(s.flying) < inFlight {
		k := s.next
		s.next++
		r := s.w.outbound[k]
		if r.Channel != s.c.name {
			s.commit(k)
			continue
		}
		f := &flight{k: k, r: r, begun: math.NaN(), waits: math.NaN()}
		s.flying[k] = f
		if s.w.mut == 4 {
			s.commit(k)
		}
		s.look(f)
	}
}

func (s *sender) commit(k int) {
	s.done[k] = true
	for !s.zombie && s.done[s.w.pos[s.c.name]] {
		s.w.pos[s.c.name]++
	}
}

func (s *sender) finish(f *flight, how string) {
	if s.flying[f.k] == nil {
		return
	}
	if s.w.maybe(.01, s.zombie) {
		s.w.stopSender(s.c, true)
		return
	}
	if !s.zombie && !math.IsNaN(f.begun) {
		s.w.hold = max(s.w.hold, s.w.now-f.begun)
	}
	s.w.ends[how]++
	delete(s.flying, f.k)
	s.commit(f.k)
	s.fetch()
}

func (s *sender) giveBack(f *flight, why string, attempt uint32, notBefore float64) {
	if attempt >= attempts && why == "failed" {
		s.w.letters = append(s.w.letters, f.r)
		s.finish(f, "letter")
		return
	}
	s.w.append(event{kind: "untell", user: f.r.user, by: sent{s, f.k}, untell: &inbox.Untell{
		Channel: s.c.name, Decision: f.r.Decision, Attempt: attempt, NotBefore: ms(notBefore),
	}})
	s.finish(f, why)
}

// left is what the row at hand still says of this decision, and whether its time is over.
func (s *sender) left(f *flight, row *inbox.State) (seqs []uint64, late bool) {
	o, mut, seen := f.r.Outbound, s.w.mut, *row
	switch {
	case mut == 1:
		o.GoodUntil = math.MaxInt64
	case (mut == 2 || mut == 15) && row.Reach != nil:
		seen = editable(seen)
		seen.Reach.PrefsVersion = 0
	case mut == 14:
		seen = unarchived(seen)
	}
	l := reach.Look(&seen, &o, wall(s.w.now))
	for _, e := range l.Entries {
		seqs = append(seqs, e.Seq)
	}
	if mut == 9 || mut == 10 {
		seqs = nil
		for i := range row.Items {
			e := &row.Items[i]
			named := false
			for _, seq := range f.r.seqs {
				named = named || seq == e.Seq
			}
			item := row.Reach.Item(e.Seq)
			if mut == 9 && item.By(s.c.name) == o.Decision || mut == 10 && named && o.Kind.Counts(e, wall(s.w.now)) {
				seqs = append(seqs, e.Seq)
			}
		}
	}
	if len(seqs) == 0 {
		s.finish(f, "nothing left")
	}
	return seqs, l.Verdict == reach.Late
}

func (s *sender) look(f *flight) {
	w := s.w
	if !s.live || s.flying[f.k] == nil {
		return
	}
	row := s.view(f.r.user)
	if reach.Look(row, &f.r.Outbound, wall(w.now)).Verdict == reach.Wait {
		if math.IsNaN(f.waits) {
			f.waits = w.now
		}
		if w.mut == 19 && w.now >= f.waits+waits {
			s.giveBack(f, "row", f.r.Attempt, w.now+60)
			return
		}
		w.at(w.now+1, func() { s.look(f) })
		return
	}
	seqs, late := s.left(f, row)
	f.begun, f.eps = w.now, row.Endpoints(s.c.kind)
	f.open = make([]string, len(f.eps))
	switch {
	case len(seqs) == 0:
	case late:
		s.giveBack(f, "late", f.r.Attempt, 0)
	case len(f.eps) == 0:
		s.giveBack(f, "none", f.r.Attempt, 0)
	default:
		for i := range f.eps {
			s.try(f, i)
		}
	}
}

func (s *sender) try(f *flight, i int) {
	w, e, u := s.w, f.eps[i], f.r.user
	o := w.origin(e.Seq)
	if !s.live || s.flying[f.k] == nil {
		return
	}
	end := f.begun + waits
	if w.now >= end {
		s.settle(f, i, "failed")
		return
	}
	if s.slots[o] >= slots {
		w.at(w.now+1, func() { s.try(f, i) })
		return
	}
	row := s.view(u)
	seqs, late := s.left(f, row)
	if len(seqs) == 0 {
		return
	}
	if late {
		s.settle(f, i, "late")
		return
	}
	s.slots[o]++
	answer, took := "ok", .3
	switch w.state[o] {
	case "slow":
		took = w.between(5, 80)
	case "hole":
		answer, took = "failed", 99
	case "refuse":
		answer, took = "again", 1
	}
	if w.dead[endpointOf{u, w.names[e.Seq]}] {
		answer, took = "410", w.between(1, 25)
	}
	if answer == "ok" {
		w.sends = append(w.sends, message{w.now, decision{u, s.c.name, f.r.Decision}, e.Seq, seqs, sent{s, f.k}, row.Version})
	}
	if w.now+took > end { // all went out, no answer: counts as reached
		took = end - w.now
		if answer != "ok" || w.mut == 20 {
			answer = "failed"
		}
	}
	w.at(w.now+took, func() { s.answer(f, i, o, answer) })
}

func (s *sender) answer(f *flight, i int, o, answer string) {
	s.slots[o]--
	if !s.live || s.flying[f.k] == nil {
		return
	}
	switch answer {
	case "again":
		s.w.at(min(s.w.now+10, f.begun+waits), func() { s.try(f, i) })
		return
	case "410":
		s.w.append(event{kind: "gone", user: f.r.user, gone: f.eps[i].Seq, hash: s.w.names[f.eps[i].Seq]})
	}
	s.settle(f, i, answer)
}

func (s *sender) settle(f *flight, i int, answer string) {
	f.open[i] = answer
	had := map[string]bool{}
	for _, a := range f.open {
		if a == "" {
			return
		}
		had[a] = true
	}
	attempt := f.r.Attempt
	switch {
	case had["ok"] && (s.w.mut != 22 || !had["failed"]):
		s.finish(f, "sent")
	case had["late"]:
		s.giveBack(f, "late", attempt, 0)
	case !had["failed"]:
		s.giveBack(f, "none", attempt, 0)
	default:
		s.giveBack(f, "failed", attempt+1, s.w.now+min(hour, 60*math.Pow(2, float64(attempt)))*s.w.between(.75, 1.25))
	}
}
