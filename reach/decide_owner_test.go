package reach_test

import (
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// owner folds the journal and appends what is due. As a zombie it folds, emits and appends
// on, and commits nothing.
type owner struct {
	w            *world
	rows         map[string]inbox.State
	pos          int
	live, zombie bool
	token        map[string]int
	back         map[string]float64
	busy         bool
}

func newOwner(w *world, rows map[string]inbox.State, pos int) *owner {
	o := &owner{w: w, rows: rows, pos: pos, live: true, token: map[string]int{}, back: map[string]float64{}}
	o.kick()
	for _, u := range []string{"a", "b", "c"} {
		if _, ok := rows[u]; !ok {
			continue
		}
		if at, ok := w.index[u]; ok && w.mut == 17 {
			o.armAt(u, at, 0)
		} else {
			o.arm(u, 0)
		}
	}
	return o
}

func (o *owner) kick() {
	if o.live && !o.busy {
		o.busy = true
		o.w.at(o.w.now+.05, o.step)
	}
}

func (o *owner) row(u string) *inbox.State {
	row := o.rows[u]
	if o.w.mut == 14 {
		row = unarchived(row)
	}
	return &row
}

func (o *owner) arm(u string, after float64) {
	at := forGood
	if next, ok := reach.First(reach.Due(u, o.row(u), o.w.policy, wall(o.w.now))); ok {
		at = seconds(next.At)
	}
	o.w.index[u] = at
	o.armAt(u, at, after)
}

func (o *owner) armAt(u string, at, after float64) {
	o.token[u]++
	n := o.token[u]
	if at < forGood {
		o.w.at(max(at, o.w.now+after), func() { o.fire(u, n) })
	}
}

func (o *owner) fire(u string, n int) {
	if !o.live || o.token[u] != n {
		return
	}
	for _, r := range reach.Tells(u, o.row(u), o.w.policy, wall(o.w.now)) {
		o.w.append(event{kind: "tell", user: u, seqs: r.Seqs, tell: r.Tell})
	}
	back := o.back[u]
	if back == 0 {
		back = .5
	}
	o.back[u] = min(60, 2*back)
	if o.w.mut != 6 {
		o.arm(u, o.back[u])
	}
}

// step folds some of the journal, and writes each row once.
func (o *owner) step() {
	o.busy = false
	w := o.w
	for o.live && o.pos < len(w.journal) {
		end := min(len(w.journal), o.pos+1+w.IntN(6))
		var out []outRecord
		var touched []string
		for at := o.pos; at < end; at++ {
			e := w.journal[at]
			row, emitted := fold(w.mut, o.rows[e.user], e, at)
			o.rows[e.user] = row
			out = append(out, emitted...)
			if !slices.Contains(touched, e.user) {
				touched = append(touched, e.user)
			}
		}
		emit := func() bool {
			for _, r := range out {
				if w.maybe(.004, o.zombie) {
					return false
				}
				w.emit(r)
			}
			return true
		}
		write := func() bool {
			for _, u := range touched {
				if w.maybe(.004, o.zombie) {
					return false
				}
				w.table[u] = append(w.table[u], rowAt{w.now, o.rows[u]})
			}
			return true
		}
		first, then := write, emit
		if w.outFirst {
			first, then = emit, write
		}
		if !first() || !then() || w.maybe(.004, o.zombie) {
			w.stopOwner(true)
			return
		}
		o.pos = end
		if !o.zombie {
			w.committed = end
		}
		for _, u := range touched {
			delete(o.back, u)
			o.arm(u, 0)
		}
	}
}

// record is the event as the journal has it.
func (e *event) record(mut mutation) inbox.Record {
	r := inbox.Record{Seqs: e.seqs}
	switch e.kind {
	case "notify":
		r.Kind, r.Seqs = inbox.KindNotify, nil
		r.Notification = belfry.Notification{Priority: e.pri, CollapseKey: e.key}
		if e.exp != 0 {
			r.Notification.ExpiresAt = wall(e.exp)
		}
	case "snooze":
		r.Kind, r.Until = inbox.KindSnooze, ms(e.until)
	case "prefs":
		r.Kind, r.Prefs = inbox.KindPrefs, e.patch()
	case "endpoint":
		r.Kind, r.Endpoint = inbox.KindEndpoint, &inbox.Address{Kind: kindOf(e.hash), Target: e.hash}
	case "unsubscribe":
		r.Kind, r.EndpointHash = inbox.KindEndpointGone, inbox.EndpointHash(kindOf(e.hash), e.hash)
	case "gone":
		r.Kind, r.Seqs = inbox.KindEndpointGone, []uint64{e.gone}
		if mut == 7 {
			r.Seqs, r.EndpointHash = nil, inbox.EndpointHash(kindOf(e.hash), e.hash)
		}
	case "tell":
		r.Kind, r.Tell = inbox.KindTell, e.tell
	case "untell":
		r.Kind, r.Untell = inbox.KindUntell, e.untell
	default:
		r.Kind, _ = inbox.ParseAction(e.kind)
	}
	return r
}

// fold is the fold, or one that is wrong.
func fold(mut mutation, row inbox.State, e *event, at int) (inbox.State, []outRecord) {
	r, in := e.record(mut), inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(at)}, Time: wall(e.t), Members: inbox.MaxMembers}
	redelivered := uint64(at) < row.Version
	before := row
	if mut != 0 && row.Reach != nil {
		row, r = wrongBefore(mut, row, r, in, redelivered)
	}
	after, effects := inbox.Fold(row, r, in)
	if mut != 0 && after.Reach != nil {
		after = wrongAfter(mut, before, after, e, in, redelivered, effects.Outbound != nil)
	}
	if effects.Outbound == nil {
		return after, nil
	}
	out := outRecord{Outbound: *effects.Outbound, user: e.user}
	out.GoodUntil = e.tell.GoodUntil
	for i := range after.Reach.Items {
		if item := &after.Reach.Items[i]; item.By(out.Channel) == out.Decision {
			out.seqs = append(out.seqs, item.Seq)
		}
	}
	return after, []outRecord{out}
}
