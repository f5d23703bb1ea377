package board_test

import (
	"fmt"
	"math/rand/v2"
)

// record is a record of the journal of one partition. Of the board are "notice", "take
// back" and "touch"; "epoch" is a journal that begins anew.
type record struct {
	kind, user string
	ver        uint64
	off, t     int64
	epoch      int

	aud, cat, key string
	seq, upTo     uint64
	exp, until    int64
}

func (r *record) barrier() bool {
	return r.kind == "notice" || r.kind == "take back" || r.kind == "touch" || r.kind == "epoch"
}

// contentKey is of a content: whose, and which. The board's are of "__".
type contentKey struct {
	who string
	q   uint64
}

type effect struct {
	put bool
	key contentKey
}

type failure string

func fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

var users = []string{"a", "b", "c", "d"}

const epochStep = 32 // what bases are multiples of

// eager copies every event of the board to every row at once. Stored and con are what the
// stored row would know: its version, and its audiences.
type eager struct {
	board        *twinNotices
	rows         map[string]*twinRow
	con          map[string]map[string]bool
	stored, away map[string]uint64
}

func newEager() *eager {
	e := &eager{newTwinBoard(), map[string]*twinRow{}, map[string]map[string]bool{}, map[string]uint64{}, map[string]uint64{}}
	for _, u := range users {
		e.rows[u], e.con[u] = newTwinRow(), map[string]bool{"all": true}
	}
	return e
}

func (e *eager) step(rec *record) {
	if !rec.barrier() {
		r := e.rows[rec.user].clone()
		e.rows[rec.user] = r
		r.fold(nil, rec, 0)
		e.con[rec.user], e.stored[rec.user] = r.concerned(nil, 0), rec.ver
		return
	}
	var outs []twinGone
	var ins []uint64
	e.board, outs, ins, _ = e.board.fold(rec, 0)
	for _, u := range users {
		r, con := e.rows[u].clone(), e.con[u]
		e.rows[u] = r
		for _, o := range outs {
			if con[o.aud] {
				r.v = rec.ver
				if _, ok := r.it[o.q]; ok {
					r.drop(o.q, rec.ver)
				}
			}
		}
		for _, q := range ins {
			n := e.board.live[q]
			if con[n.aud] {
				r.v = rec.ver
			}
			if n.aud == "all" || r.topics[n.aud] {
				r.it[q] = r.entered(rec.ver, n.aud, &n.twinInfo, n.cat, 0)
			}
		}
		if r.v == rec.ver {
			r.trim(twinKeep, rec.ver)
		}
		for a := range con { // a horizon that the stored row is behind: a resync is allowed
			if h := e.board.horizon(a, 0); e.stored[u] < h {
				e.away[u], r.v = max(e.away[u], h), max(r.v, h)
			}
		}
	}
}

// moment is a record, and what the eager model is after it.
type moment struct {
	record
	rows  map[string]*twinRow
	away  map[string]uint64
	board *twinNotices
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func between(r *rand.Rand, a, b int64) int64 { return a + r.Int64N(b-a+1) }

// history draws records, and has the eager model fold them.
func history(r *rand.Rand, n int) []moment {
	e, t, off := newEager(), int64(100), int64(0)
	auds := pick(r, []string{"all", "all", "t", "w", "z"}, []string{"t", "t", "t", "w", "w", "z", "all"}, []string{"t"})
	who, own := pick(r, "aaabbbccd", "aaaaaaaabcd"), pick(r, .15, .03) // busy and quiet rows
	most := 1.0
	var out []moment
	for len(out) < n {
		if own < .1 {
			most = pick(r, 1, .6)
		}
		t += pick[int64](r, 0, 0, 1, 2, 4)
		rec := record{user: string(who[r.IntN(len(who))]), ver: e.board.base + uint64(off) + 1, t: t, off: off}
		e.draw(r, &rec, r.Float64()*most, own, auds)
		if rec.kind == "epoch" { // its board is written before its first record
			e.board = e.board.clone()
			top := e.board.v
			for _, v := range e.stored {
				top = max(top, v)
			}
			rec.ver = (top + epochStep - 1) / epochStep * epochStep
			e.board.e, e.board.base, e.board.v, off = e.board.e+1, rec.ver, rec.ver, 0
		} else {
			e.step(&rec)
			off++
		}
		rec.epoch = e.board.e
		m := moment{rec, map[string]*twinRow{}, map[string]uint64{}, e.board}
		for _, u := range users {
			m.rows[u], m.away[u] = e.rows[u], e.away[u]
		}
		out = append(out, m)
	}
	return out
}

func (e *eager) draw(r *rand.Rand, rec *record, k, own float64, auds []string) {
	row, t := e.rows[rec.user], rec.t
	held := append(sorted(row.it), 0)
	q := held[r.IntN(max(1, len(held)-1))]
	rec.cat = pick(r, "x", "y")
	switch {
	case k < own:
		rec.kind, rec.exp = "notify", pick(r, t+between(r, 0, 30), never)
	case k < .36:
		rec.kind, rec.aud, rec.key = "notice", pick(r, auds...), pick(r, "", "", "k")
		rec.exp, rec.until = t+between(r, 0, 70), pick(r, 0, 0, t+between(r, 1, 12))
	case k < .43:
		all := append(append(sorted(e.board.live), sorted(e.board.hid)...), 0)
		rec.kind, rec.seq = "take back", pick(r, all...)
		rec.aud = e.board.live[rec.seq].aud + e.board.hid[rec.seq].aud
	case k < .47:
		rec.kind = "touch"
	case k < .58:
		rec.kind, rec.aud = pick(r, "subscribe", "subscribe", "unsubscribe"), pick(r, "t", "w", "z")
	case k < .64:
		rec.kind, rec.seq, rec.until = "snooze", q, t+between(r, 1, 15)
	case k < .66:
		if rec.kind = "mute"; row.muted[rec.cat] {
			rec.kind = "unmute"
		}
	case k < .68:
		rec.kind = "join"
	case k < .69:
		rec.kind = "erase"
	case k < .71:
		rec.kind = "epoch"
	default:
		rec.kind = pick(r, "seen", "read", "read", "unread", "archive", "unarchive", "unarchive", "delete")
		if rec.seq = q; r.IntN(2) == 0 {
			rec.upTo = uint64(max(1, between(r, int64(rec.ver)-15, int64(rec.ver)+2)))
			rec.seq, rec.cat = 0, pick(r, "", "", "x")
		}
	}
}
