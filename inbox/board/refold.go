package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// ForOthers is the outcome of a notice that is no matter of a user's.
const ForOthers inbox.Outcome = "for-others"

// Refolder is an [inbox.Refolder] of a user in whose partition notices stand: the records of
// the partition's board are folded beside the user's, as the partition's owner does it. A
// notice that came before the journal's oldest record is not known, and in no count. Make
// one with [NewRefolder]. It is not safe for concurrent use.
type Refolder struct {
	*inbox.Refolder
	// Limit is how many live notices the board keeps, DefaultLimit if less than 1.
	Limit int

	stored  inbox.State
	removed int    // how many removals rows keep, once there was a notice
	held    *Board // as the table has it; nil for none that the user's row counts with
	board   *Board // folded again
	atHeld  *Board // board at the version of held
	pending int    // records of the board after that
}

// NewRefolder is [inbox.NewRefolder] with the board that the table holds beside the row, nil
// for none; both must be of one time, or the board later.
func NewRefolder(row inbox.State, held *Board, epoch uint32, oldest int64, cap int) *Refolder {
	var own inbox.State
	if held != nil {
		own = held.State
	}
	r := &Refolder{Refolder: inbox.NewRefolder(row, own, epoch, oldest, cap), stored: row}
	if held == nil || own.Epoch != epoch || !held.Fits(&row) {
		return r
	}
	r.removed = cmp.Or(held.Keep, cap, inbox.DefaultCap)
	begin := own.Base + uint64(oldest)
	var first Row
	if first.State.Removals = inbox.Remembered(own, begin); held.before(begin) {
		first.Keep = held.Keep
	}
	r.held, r.board, r.Keep = held, New(first).Begin(epoch, own.Base), first.Keep
	r.atHeld = r.board
	r.Advance = func(row inbox.State, version uint64) inbox.State { return Advance(row, r.board, version) }
	return r
}

// Notice folds the record of the board at an offset and returns what it changed of what the
// user is shown. It reports false for one that is none of a board's, and for one that
// changes nothing there and says nothing to anybody. Offsets must rise with those of Step.
func (r *Refolder) Notice(offset int64, at time.Time, record inbox.Record) (inbox.Step, bool) {
	if r.held == nil || CheckRecord(&record) != nil {
		return inbox.Step{}, false
	}
	in := inbox.Input{
		Position: inbox.Position{Epoch: r.board.State.Epoch, Offset: offset}, Time: at,
		Base: r.board.State.Base, Cap: r.Limit, Keep: r.removed,
	}
	before, row := r.board, r.State()
	after, effects := Fold(before, record, in)
	r.board, r.Keep = after, after.Keep
	was, is := before.shown(row), after.shown(row)
	s := inbox.NewStep(&before.State, &after.State, record, in, effects)
	s.Counts, s.Audience = is.Counts(at), record.Audience()
	if r.Texts {
		s.Title = record.Notification.Title.Any()
	}
	if after.State.Version <= r.held.State.Version {
		r.atHeld = after
	} else {
		r.pending++
		s.Pending = true
	}
	r.keep(&s, before, &was, &is)
	audience := inbox.AudienceHash(s.Audience)
	concerns := audience == inbox.Everybody || row.HasTopic(audience)
	switch {
	case s.Changed():
		return s, true
	case record.Kind == inbox.KindNotify && !concerns:
		s.Outcome, s.Why = ForOthers, "not subscribed to "+s.Audience
		return s, true
	}
	return s, record.Kind != inbox.KindTouch && concerns
}

// keep leaves of a step of the board what the user is told of: what came to him, goes from
// what he was shown, or waits to come.
func (r *Refolder) keep(s *inbox.Step, before *Board, was, is *inbox.State) {
	after, row := r.board, r.State()
	others := func(seq uint64) bool {
		audience := after.audience(seq)
		if audience == 0 {
			audience = before.audience(seq)
		}
		return audience != inbox.Everybody && !row.HasTopic(audience)
	}
	if s.Added != 0 && others(s.Added) {
		s.Added = 0
	}
	s.Hidden = slices.DeleteFunc(s.Hidden, func(h inbox.HiddenItem) bool { return others(h.Seq) })
	s.Shown = slices.DeleteFunc(s.Shown, others)
	s.Gone = slices.DeleteFunc(s.Gone, func(g inbox.Gone) bool {
		_, had := was.Entry(g.Seq)
		waited, ok := before.State.Entry(g.Seq)
		return !had && (!ok || !waited.Born || others(g.Seq))
	})
	if e, ok := after.State.Entry(s.Added); ok {
		s.ExpiresAt = time.UnixMilli(e.ExpiresAt).UTC()
	}
	for i := range is.Items {
		e := &is.Items[i]
		if _, had := was.Entry(e.Seq); !had && e.Muted {
			s.Muted = append(s.Muted, e.Seq)
		}
	}
}

// before reports whether there was a notice before a version.
func (b *Board) before(version uint64) bool {
	older := func(seq uint64) bool { return seq <= version }
	return len(b.Horizons) > 0 || b.Floor.Version > 0 ||
		slices.ContainsFunc(b.State.Items, func(e inbox.Entry) bool { return older(e.Seq) }) ||
		slices.ContainsFunc(b.State.Removals, func(r inbox.Removal) bool { return r.Seq != 0 && older(r.Seq) }) ||
		slices.ContainsFunc(b.Stays, func(s Stay) bool { return older(s.Seq) })
}

// audience is that of a notice that the board holds, 0 for one that it does not.
func (b *Board) audience(seq uint64) uint64 {
	if i, ok := b.State.Find(seq); ok {
		return b.Notices[i].Audience
	}
	return 0
}

// Result compares what was refolded with the row as both are shown at now.
func (r *Refolder) Result(now time.Time) inbox.Comparison {
	if r.held == nil {
		return r.Refolder.Result(now)
	}
	c := r.Compare(r.held.shown(r.stored), r.atHeld.shown(r.AtRow()), now)
	c.Pending += r.pending
	return c
}

// shown is Show where there ever was a notice, else the row as it is stored.
func (b *Board) shown(row inbox.State) inbox.State {
	if b.Keep == 0 {
		return row
	}
	return b.Show(row)
}
