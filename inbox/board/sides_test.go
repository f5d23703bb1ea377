package board_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// twinSide is late by the twin, with a rule that is wrong.
type twinSide struct{ mut mutation }

func (s twinSide) empty() any { return newTwinBoard() }

func (s twinSide) begin(b any, epoch int, base uint64) any {
	n := b.(*twinNotices).clone()
	n.e, n.base, n.v = epoch, base, base
	return n
}

func (s twinSide) notices(b any, r *record) (any, []effect) {
	old := b.(*twinNotices)
	if r.ver > old.v {
		n, _, _, fx := old.fold(r, s.mut)
		return n, fx
	}
	var fx []effect
	if r.kind == "notice" {
		held, _ := s.boardHeld(old)
		fx = append(fx, effect{held[r.ver], contentKey{"__", r.ver}})
	}
	for _, g := range old.rem {
		if g.v == r.ver {
			fx = append(fx, effect{key: contentKey{"__", g.q}})
		}
	}
	return b, fx
}

func (s twinSide) user(row, b any, r *record) (any, []effect) {
	old, _ := row.(*twinRow)
	board, rec := b.(*twinNotices), *r
	base := board.base
	if s.mut == 8 {
		if base = 0; old != nil {
			if base = old.v; old.e == board.e {
				base = old.base
			}
		}
		rec.ver = base + uint64(rec.off) + 1
	}
	if old != nil && old.e == board.e && rec.ver <= old.v {
		if s.mut == 5 && old.advance(board, math.MaxUint64, twinKeep, 0, s.mut).v != old.v {
			fail("a redelivered record changed the row")
		}
		return row, old.again(&rec, s.mut)
	}
	if old == nil {
		old = newTwinRow()
	}
	if s.mut == 6 && strings.HasSuffix(rec.kind, "subscribe") {
		old = old.clone()
		if old.topics[rec.aud] = true; rec.kind == "unsubscribe" {
			delete(old.topics, rec.aud)
		}
	}
	n := old.advance(board, rec.ver, twinKeep, 0, s.mut)
	if s.mut == 8 {
		n.base = base
	}
	return n, n.fold(board, &rec, s.mut)
}

// again are the effects of a record that the row has: its content if held, and the
// tombstones of the removals that carry its version.
func (r *twinRow) again(rec *record, m mutation) (fx []effect) {
	if rec.kind == "notify" {
		_, held := r.it[rec.ver]
		fx = append(fx, effect{held, contentKey{rec.user, rec.ver}})
	}
	for _, g := range r.rem {
		switch {
		case g.v != rec.ver:
		case g.aud == "":
			fx = append(fx, effect{key: contentKey{rec.user, g.q}})
		case m == 21:
			fx = append(fx, effect{key: contentKey{"__", g.q}})
		}
	}
	return fx
}

func (s twinSide) version(row any) uint64    { return row.(*twinRow).v }
func (s twinSide) boardVersion(b any) uint64 { return b.(*twinNotices).v }

func (s twinSide) held(row any) (held, gone map[uint64]bool) {
	held, gone = map[uint64]bool{}, map[uint64]bool{}
	for q, e := range row.(*twinRow).it {
		if e.aud == "" {
			held[q] = true
		}
	}
	for _, g := range row.(*twinRow).rem {
		gone[g.q] = true
	}
	return held, gone
}

func (s twinSide) boardHeld(b any) (held, gone map[uint64]bool) {
	held, gone = map[uint64]bool{}, map[uint64]bool{}
	for q := range b.(*twinNotices).live {
		held[q] = true
	}
	for q := range b.(*twinNotices).hid {
		held[q] = true
	}
	for _, g := range b.(*twinNotices).rem {
		gone[g.q] = true
	}
	return held, gone
}

func (s twinSide) show(row, b any, now int64) shown {
	r, board := row, b.(*twinNotices)
	if r == nil {
		r = newTwinRow()
	}
	keep := twinKeep
	if s.mut == 12 {
		keep--
	}
	n := r.(*twinRow).advance(board, math.MaxUint64, keep, now, s.mut)
	if row == nil && s.mut == 29 {
		n = newTwinRow()
		n.e, n.base = board.e, board.base
	}
	out := n.reader(board, now, s.mut)
	out.epoch, out.base = n.e, board.base
	return out
}

// reader is what is seen of an advanced row.
func (r *twinRow) reader(b *twinNotices, now int64, m mutation) shown {
	out := shown{v: r.v, hz: r.hz, items: map[uint64]twinItem{}, gone: map[twinGone]bool{}}
	for _, q := range sorted(r.it) {
		e, info := r.it[q], r.info(b, q)
		e.info = &info
		out.items[q] = e
		out.x += e.instants(info.exp, now, m)
		if info.exp > now && (!e.wake() || e.until <= now) {
			out.list = append(out.list, listed{placed(info.place, e.until, e.shown), q, e.v, e.flags, info.cat})
		}
	}
	slices.SortFunc(out.list, func(x, y listed) int { return cmp.Or(cmp.Compare(x.place, y.place), cmp.Compare(x.q, y.q)) })
	for _, g := range r.rem {
		out.gone[twinGone{g.v, g.q, ""}] = true
	}
	out.since = func(c uint64) *told {
		if c < r.hz {
			return nil
		}
		d := &told{map[uint64]state{}, map[uint64]state{}, map[uint64]bool{}}
		for _, g := range r.rem {
			if g.v > c {
				d.gone[g.q] = true
			}
		}
		for q, e := range r.it {
			info := r.info(b, q)
			switch {
			case info.exp <= now || e.wake() && e.until > now && e.v > c:
				d.gone[q] = true
			case e.wake() && e.until > now:
			case e.wake() || e.v > c && max(info.place, e.shown, e.back) > c:
				d.items[q] = state{e.flags, e.v}
			case e.v > c:
				d.states[q] = state{e.flags, e.v}
			}
		}
		return d
	}
	return out
}

// stamp is by the stored row's head and what a view keeps of the board.
func (s twinSide) stamp(row, b any, now int64) (v uint64, x int) {
	board := b.(*twinNotices)
	r, _ := row.(*twinRow)
	if r == nil {
		for _, e := range board.live {
			x += bit(e.exp <= now && e.aud == "all")
		}
		return max(board.last["all"], board.horizon("all", s.mut)), x
	}
	for q, e := range r.it {
		if e.info != nil {
			x += e.instants(e.info.exp, now, s.mut)
		} else if n, ok := board.live[q]; ok {
			x += e.instants(n.exp, now, s.mut)
		}
	}
	for _, n := range board.live {
		x += bit(n.exp <= now && n.place > r.v && (n.aud == "all" || r.topics[n.aud]))
	}
	v = r.v
	for a := range r.concerned(board, 0) {
		v = max(v, board.last[a], board.horizon(a, s.mut))
	}
	return v, x
}

// lateSide is late by the package.
type lateSide struct{}

func audienceOf(aud string) string {
	if aud == "all" {
		return aud
	}
	return belfry.TopicAudience(aud)
}

func ms(t int64) time.Time { return time.UnixMilli(t).UTC() }

func (lateSide) empty() any {
	return board.Small(twinStays, twinOwn, twinAge*time.Millisecond, board.Row{State: inbox.State{Epoch: 1}, Keep: twinKeep})
}

func (lateSide) begin(b any, epoch int, base uint64) any {
	return b.(*board.Board).Begin(uint32(epoch), base)
}

var kinds = map[string]inbox.Kind{
	"notify": inbox.KindNotify, "notice": inbox.KindNotify, "take back": inbox.KindRetract, "touch": inbox.KindTouch,
	"subscribe": inbox.KindSubscribe, "unsubscribe": inbox.KindUnsubscribe, "join": inbox.KindJoin, "erase": inbox.KindErase,
	"snooze": inbox.KindSnooze, "mute": inbox.KindMute, "unmute": inbox.KindUnmute,
	"seen": inbox.KindSeen, "read": inbox.KindRead, "unread": inbox.KindUnread, "archive": inbox.KindArchive,
	"unarchive": inbox.KindUnarchive, "delete": inbox.KindDelete,
}

func (r *record) real(b *board.Board, most int) (inbox.Record, inbox.Input) {
	out := inbox.Record{Kind: kinds[r.kind], Category: r.cat, UpTo: r.upTo, Until: r.until, Topic: r.aud}
	if r.seq != 0 {
		out.Seqs = []uint64{r.seq}
	}
	switch r.kind {
	case "notice":
		out.Notification.ID, out.Notification.Audience, out.Notification.CollapseKey = fmt.Sprint(r.ver), audienceOf(r.aud), r.key
		if r.until != 0 {
			out.Notification.DeliverAt = ms(r.until)
		}
		fallthrough
	case "notify":
		if out.Notification.Category = r.cat; r.exp != never {
			out.Notification.ExpiresAt = ms(r.exp)
		}
	case "take back":
		out.Retraction = belfry.Retraction{ID: fmt.Sprint(r.seq), Audience: audienceOf(r.aud)}
	}
	return out, inbox.Input{Position: inbox.Position{Epoch: b.State.Epoch, Offset: r.off}, Time: ms(r.t), Cap: most, Keep: twinKeep}
}

func effectsOf(who string, e inbox.Effects) (fx []effect) {
	if e.Seq != 0 {
		fx = append(fx, effect{true, contentKey{who, e.Seq}})
	}
	for _, q := range e.Removed {
		fx = append(fx, effect{key: contentKey{who, q}})
	}
	return fx
}

func (lateSide) notices(b any, r *record) (any, []effect) {
	rec, in := r.real(b.(*board.Board), twinBoard)
	n, effects := board.Fold(b.(*board.Board), rec, in)
	return n, effectsOf("__", effects)
}

// whole is all that a row holds, behind pointers too.
func whole(row *inbox.State) string {
	text, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (lateSide) user(row, b any, r *record) (any, []effect) {
	rec, in := r.real(b.(*board.Board), twinCap)
	old, _ := row.(*inbox.State)
	if old == nil {
		old = &inbox.State{}
	}
	n, kept := *old, whole(old)
	n.Items, n.Removals, n.Topics, n.Mutes = slices.Clone(n.Items), slices.Clone(n.Removals), slices.Clone(n.Topics), slices.Clone(n.Mutes)
	effects := b.(*board.Board).Apply(&n, &rec, in)
	if whole(old) != kept {
		fail("a fold modified the row it was given")
	}
	if effects.Outcome == inbox.Redelivered {
		if whole(&n) != kept {
			fail("a redelivered record changed the row")
		}
		return row, effectsOf(r.user, effects)
	}
	return stored(&n), effectsOf(r.user, effects)
}

// stored is a row with no more of shared entries than is stored.
func stored(s *inbox.State) *inbox.State {
	s.Items = slices.Clone(s.Items)
	for i := range s.Items {
		if e := &s.Items[i]; e.Shared != nil {
			*e = inbox.Entry{
				Seq: e.Seq, Version: e.Version, Unarchived: e.Unarchived, Until: e.Until, Shown: e.Shown, Count: 1,
				Read: e.Read, Seen: e.Seen, Archived: e.Archived, Muted: e.Muted, Shared: &inbox.Shared{Audience: e.Shared.Audience},
			}
		}
	}
	return s
}

func (lateSide) version(row any) uint64    { return row.(*inbox.State).Version }
func (lateSide) boardVersion(b any) uint64 { return b.(*board.Board).State.Version }

func (s lateSide) boardHeld(b any) (held, gone map[uint64]bool) {
	return s.held(&b.(*board.Board).State)
}

func (lateSide) held(row any) (held, gone map[uint64]bool) {
	held, gone = map[uint64]bool{}, map[uint64]bool{}
	for q := range row.(*inbox.State).Contents() {
		held[q] = true
	}
	for _, g := range row.(*inbox.State).Removals {
		gone[g.Seq] = g.Seq != 0
	}
	return held, gone
}

func (lateSide) stamp(row, b any, now int64) (uint64, int) {
	r, _ := row.(*inbox.State)
	if r == nil {
		r = &inbox.State{}
	}
	s := b.(*board.Board).Stamp(r, ms(now))
	return s.Cursor.Version, s.Passed
}

var audiences = map[uint64]string{inbox.Everybody: "all", hashOf("t"): "t", hashOf("w"): "w", hashOf("z"): "z"}

func (lateSide) show(row, b any, now int64) shown {
	var r inbox.State
	if row != nil {
		r = *row.(*inbox.State)
	}
	kept := whole(&r)
	s := b.(*board.Board).Show(r)
	if row != nil {
		s = fromTable(&r, b.(*board.Board), ms(now))
	}
	if whole(&r) != kept {
		fail("Show modified the row it was given")
	}
	out := shown{epoch: int(s.Epoch), base: s.Base, v: s.Version, hz: s.Horizon, items: map[uint64]twinItem{}, gone: map[twinGone]bool{}, x: s.Passed(ms(now))}
	for i := range s.Items {
		e := &s.Items[i]
		it := twinItem{
			flags: bit(e.Seen)*isSeen | bit(e.Read)*isRead | bit(e.Archived)*isArchived, v: e.Version,
			until: e.Until, shown: e.Shown, back: e.Unarchived, muted: e.Muted, info: &twinInfo{e.Seq, e.Category, e.ExpiresAt},
		}
		if e.ExpiresAt == 0 {
			it.info.exp = never
		}
		if e.Shared != nil {
			it.aud, it.info.place = audiences[e.Shared.Audience], e.Shared.Place
		}
		out.items[e.Seq] = it
		if !e.Hidden(ms(now)) && !e.Expired(ms(now)) {
			out.list = append(out.list, listed{placed(it.info.place, e.Until, e.Shown), e.Seq, e.Version, it.flags, e.Category})
		}
	}
	slices.SortFunc(out.list, func(x, y listed) int { return cmp.Or(cmp.Compare(x.place, y.place), cmp.Compare(x.q, y.q)) })
	for _, g := range s.Removals {
		if g.Seq != 0 {
			out.gone[twinGone{g.Version, g.Seq, ""}] = true
		}
	}
	pageIsList(&s, now, out.list)
	out.since = func(c uint64) *told { return toldOf(&s, c, now) }
	return out
}

// fromTable is what a reader shows of row and board as a table has them. Its stamp and
// its badge are those that are read without showing the row.
func fromTable(row *inbox.State, b *board.Board, now time.Time) inbox.State {
	value, err := codec.EncodeState(row)
	if err != nil {
		fail("encode row: %v", err)
	}
	held, err := codec.EncodeBoard(&b.Row)
	if err != nil {
		fail("encode board: %v", err)
	}
	decoded, err := codec.DecodeBoard(held)
	if err != nil {
		fail("decode board: %v", err)
	}
	on := board.New(decoded)
	s, err := codec.DecodeState(value)
	if err != nil {
		fail("decode row: %v", err)
	}
	s = on.ShowOwned(s)
	stamp, err := codec.DecodeShownStamp(value, on, now)
	if want := s.Stamp(now); stamp != want || err != nil {
		fail("stamp %v, %v, want %v", stamp, err, want)
	}
	badge, err := codec.DecodeShownBadge(value, on, now)
	if want := s.Badge(now); !reflect.DeepEqual(badge, want) || err != nil {
		fail("badge %v, %v, want %v", badge, err, want)
	}
	return s
}

// pageIsList holds that page and badge are the list.
func pageIsList(s *inbox.State, now int64, list []listed) {
	unread, cats := 0, map[string]int{}
	var want []uint64
	for _, l := range list {
		if l.flags&isArchived != 0 {
			continue
		}
		want = append(want, l.q)
		if l.flags&isRead == 0 {
			unread++
			cats[l.cat]++
		}
	}
	var got []uint64
	entries, _ := s.Page(inbox.PageQuery{Limit: 1000}, ms(now))
	var last *inbox.Entry
	for _, e := range entries {
		if got = append(got, e.Seq); last != nil && last.Compare(e) <= 0 {
			fail("a page has %d before %d", last.Seq, e.Seq)
		}
		last = e
	}
	slices.Sort(got)
	slices.Sort(want)
	badge := s.Counts(ms(now))
	if !slices.Equal(got, want) || badge.Unread != unread {
		fail("a page has %v, badge %d; want %v, %d", got, badge.Unread, want, unread)
	}
	for cat, n := range cats {
		if badge.Categories[cat].Unread != n {
			fail("the badge of %s is %d, want %d", cat, badge.Categories[cat].Unread, n)
		}
	}
}

func toldOf(s *inbox.State, c uint64, now int64) *told {
	changes, ok := s.Since(c, ms(now))
	if !ok {
		return nil
	}
	d := &told{map[uint64]state{}, map[uint64]state{}, map[uint64]bool{}}
	of := func(e *inbox.Entry) state {
		return state{bit(e.Seen)*isSeen | bit(e.Read)*isRead | bit(e.Archived)*isArchived, e.Version}
	}
	for _, e := range changes.Items {
		d.items[e.Seq] = of(e)
	}
	for _, q := range slices.Concat(changes.Read, changes.Unread, changes.Archived) {
		e, _ := s.Entry(q)
		d.states[q] = of(e)
	}
	for _, q := range changes.Removed {
		d.gone[q] = true
	}
	return d
}
