package board_test

import (
	"cmp"
	"maps"
	"slices"

	"github.com/belfry/belfry/inbox"
)

type twinNotice struct {
	twinInfo
	aud, key string
	until    int64
}

type twinStay struct {
	went, q uint64
	aud     string
	came    uint64
	t       int64
}

type twinNotices struct {
	e              int
	base, v, floor uint64
	live, hid      map[uint64]twinNotice
	gone           []twinStay
	rem            []twinGone
	hz, last       map[string]uint64
}

func newTwinBoard() *twinNotices {
	return &twinNotices{e: 1, live: map[uint64]twinNotice{}, hid: map[uint64]twinNotice{}, hz: map[string]uint64{}, last: map[string]uint64{}}
}

func (b *twinNotices) clone() *twinNotices {
	n := *b
	n.live, n.hid, n.gone, n.rem = maps.Clone(b.live), maps.Clone(b.hid), slices.Clone(b.gone), slices.Clone(b.rem)
	n.hz, n.last = maps.Clone(b.hz), maps.Clone(b.last)
	return &n
}

func (b *twinNotices) horizon(a string, m mutation) uint64 {
	if m == 23 {
		h := uint64(0)
		for _, v := range b.hz {
			h = max(h, v)
		}
		return h
	}
	if h, ok := b.hz[a]; ok || a == "all" {
		return h
	}
	return b.floor
}

func (b *twinNotices) at(q uint64) twinNotice {
	n, ok := b.live[q]
	if !ok {
		panic(failure("a row holds what is not on the board"))
	}
	return n
}

// fold folds a record of the board: what went out, what came in, and the effects.
func (b *twinNotices) fold(r *record, m mutation) (n *twinNotices, outs []twinGone, ins []uint64, fx []effect) {
	n = b.clone()
	n.v = r.ver
	out := func(q uint64, natural bool) {
		if h, ok := n.hid[q]; ok {
			delete(n.hid, q)
			if m == 26 {
				outs = append(outs, twinGone{r.ver, q, h.aud})
			}
		} else {
			e := n.live[q]
			delete(n.live, q)
			if (e.place != r.ver || m == 17) && (!natural || m != 2) {
				outs = append(outs, twinGone{r.ver, q, e.aud})
				n.gone = append(n.gone, twinStay{r.ver, q, e.aud, e.place, r.t})
			}
		}
		n.rem = append(n.rem, twinGone{r.ver, q, ""})
		fx = append(fx, effect{key: contentKey{"__", q}})
	}
	same := func(in map[uint64]twinNotice, e *twinNotice) (qs []uint64) {
		for _, q := range sorted(in) {
			if o := in[q]; e.key != "" && o.aud == e.aud && o.key == e.key {
				qs = append(qs, q)
			}
		}
		return qs
	}
	enter := func(q uint64, e twinNotice) {
		for _, p := range same(n.live, &e) {
			out(p, false)
		}
		e.place = r.ver
		n.live[q] = e
	}
	for _, in := range []map[uint64]twinNotice{n.live, n.hid} {
		for _, q := range sorted(in) {
			if in[q].exp <= r.t {
				out(q, true)
			}
		}
	}
	woken := slices.DeleteFunc(sorted(n.hid), func(q uint64) bool { return n.hid[q].until > r.t })
	slices.SortStableFunc(woken, func(p, q uint64) int { return cmp.Compare(n.hid[p].until, n.hid[q].until) })
	for _, q := range woken {
		e := n.hid[q]
		delete(n.hid, q)
		enter(q, e)
	}
	switch r.kind {
	case "notice":
		if r.exp <= r.t {
			break
		}
		fx = append(fx, effect{true, contentKey{"__", r.ver}})
		e := twinNotice{twinInfo{r.ver, r.cat, r.exp}, r.aud, r.key, r.until}
		if r.until <= r.t {
			enter(r.ver, e)
			break
		}
		for _, p := range same(n.hid, &e) {
			out(p, false)
		}
		n.hid[r.ver] = e
	case "take back":
		_, live := n.live[r.seq]
		_, hid := n.hid[r.seq]
		if live || hid {
			out(r.seq, false)
		}
	}
	for len(n.live) > twinBoard {
		out(slices.MinFunc(sorted(n.live), func(p, q uint64) int {
			return cmp.Or(cmp.Compare(n.live[p].place, n.live[q].place), cmp.Compare(n.live[p].until, n.live[q].until), cmp.Compare(p, q))
		}), false)
	}
	for _, q := range sorted(n.live) {
		if n.live[q].place == r.ver {
			ins = append(ins, q)
		}
	}
	for len(n.rem) > twinKeep && n.rem[0].v < r.ver {
		n.rem = n.rem[1:]
	}
	n.forget(r.t, m)
	for _, o := range outs {
		n.last[o.aud] = r.ver
	}
	for _, q := range ins {
		n.last[n.live[q].aud] = r.ver
	}
	return n, outs, ins, fx
}

func (b *twinNotices) forget(t int64, m mutation) {
	slices.SortStableFunc(b.gone, func(x, y twinStay) int { return cmp.Or(cmp.Compare(x.went, y.went), cmp.Compare(x.q, y.q)) })
	for len(b.gone) > 0 && (len(b.gone) > twinStays || b.gone[0].t < t-twinAge) {
		i := 0
		if m == 27 {
			i = len(b.gone) / 2
		}
		g := b.gone[i]
		b.gone = slices.Delete(b.gone, i, i+1)
		switch m {
		case 3:
		case 27:
			b.hz[g.aud] = g.went
		default:
			b.hz[g.aud] = max(b.hz[g.aud], g.went)
		}
	}
	for {
		topics := slices.DeleteFunc(slices.Collect(maps.Keys(b.hz)), func(a string) bool { return a == "all" })
		if len(topics) <= twinOwn {
			return
		}
		a := slices.MinFunc(topics, func(x, y string) int {
			return cmp.Or(cmp.Compare(b.hz[x], b.hz[y]), cmp.Compare(hashOf(x), hashOf(y)))
		})
		if m != 28 {
			b.floor = max(b.floor, b.hz[a])
		}
		delete(b.hz, a)
	}
}

func hashOf(aud string) uint64 { return inbox.AudienceHash(audienceOf(aud)) }

func sorted[V any](m map[uint64]V) []uint64 { return slices.Sorted(maps.Keys(m)) }
