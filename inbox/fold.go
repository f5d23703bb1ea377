package inbox

import (
	"slices"
	"time"
)

// Input is what a fold needs besides the state and the record.
type Input struct {
	Position
	// Time is the record's timestamp as the broker gave it. The fold never asks
	// for the time, so that a refold gives the same row.
	Time time.Time
	// Base is what [Bases] says of the partition and the epoch: the first record of
	// the epoch begins a row there, or at the row's version if that is higher.
	Base uint64
	// Cap is how many items to keep, 1 to MaxCap. Less than 1 is DefaultCap.
	Cap int
	// Members is how many arrivals an item of a collapse key keeps, the shown one among
	// them, 1 to MaxMembers. Less than 1 is 1: such a row is as an older Belfry reads it.
	Members int
	// Keep is how many removals the rows of the partition keep of their own, and as many of
	// notices, as its board has it; less than 1 for a partition without one, whose rows have
	// no notices and keep as many removals as items.
	Keep int

	small limits // of tests, or zero
}

// limits are those of a row, see MaxHidden and its like.
type limits struct{ hidden, mutes, rowMembers int }

// Outcome tells what a record did, for metrics and logs.
type Outcome string

// The values of Outcome.
const (
	Applied     Outcome = "applied"     // the row changed
	Unchanged   Outcome = "unchanged"   // a command that matched nothing, or a repeat of one
	Duplicate   Outcome = "duplicate"   // a notification or retraction seen before
	Expired     Outcome = "expired"     // a notification that came too late
	Redelivered Outcome = "redelivered" // a record that the row had already
	Full        Outcome = "full"        // a snooze beyond MaxHidden, a mute beyond MaxMutes, a topic beyond MaxTopics, or preferences beyond MaxPrefsBytes: nothing is done
	Outdated    Outcome = "outdated"    // a tell that comes too late, or that was evaluated before what it depends on changed
)

// Delivery tells what became of a notification's DeliverAt.
type Delivery uint8

// The values of Delivery.
const (
	AtOnce    Delivery = iota // it has none, or was not made an item of
	Scheduled                 // it is hidden until then
	Late                      // that had passed: it is shown at once
	Crowded                   // MaxHidden items were hidden already: it is shown at once
)

// Effects is what must be written besides the row.
type Effects struct {
	Outcome Outcome
	Repeat  Repeat // of a duplicate
	// Delivery is that of an applied notification.
	Delivery Delivery
	// Seq, if not 0, is that of the content to write under its key.
	Seq uint64
	// Item is that content; nil after [State.Apply].
	Item *Item
	// Removed are the seqs whose content must go.
	Removed []uint64

	// Endpoint, if not 0, is the seq of the endpoint whose content, the record's
	// [Record.Endpoint], is to be written under its key.
	Endpoint uint64
	// GoneEndpoints are the seqs of endpoints whose content must go.
	GoneEndpoints []uint64
	// Outbound, if not nil, is to be written to the outbound topic.
	Outbound *Outbound
}

// Fold applies one journal record to a recipient's row and returns the new row
// and what else to write. It is pure: equal arguments give equal results, and
// s is not modified. The row must be written whatever the outcome, since its
// version names the last record processed.
//
// A record whose offset the row has seen already (same epoch, below version -
// base) leaves the row as it is and gives the effects again that may have been
// lost with the process that computed them first.
func Fold(s State, r Record, in Input) (State, Effects) {
	s = s.clone()
	effects := s.Apply(&r, in)
	if effects.Seq != 0 {
		effects.Item = NewItem(r.Notification, effects.Seq, in.Time)
	}
	return s, effects
}

// Apply is [Fold] in place, for who folds many records into a row of his own. It
// looks at no more of a notification than its source, id, category, priority,
// collapse key, actor, expiry and delivery, and makes no content. It keeps no part of
// the record.
func (s *State) Apply(r *Record, in Input) Effects {
	if s.Epoch != in.Epoch || s.Version == 0 {
		s.Epoch, s.Base = in.Epoch, max(s.Version, in.Base)
	}
	version := s.Base + uint64(in.Offset) + 1
	if version <= s.Version {
		return again(s, r, version)
	}
	s.Version, s.ChangedAt = version, in.Time.UTC().Truncate(time.Millisecond)
	f := folder{s: s, in: in, silent: r.Silent, audience: r.Audience()}
	f.pass()
	f.effects.Outcome = f.apply(r)
	f.evict()
	f.thin()
	f.trim()
	if s.Reach != nil {
		f.tidyReach()
	}
	return f.effects
}

// again computes the effects of a redelivered record. Its first effects are
// known by its version: the item it made has it as seq, what it removed
// carries it.
func again(s *State, r *Record, version uint64) Effects {
	effects := Effects{Outcome: Redelivered}
	for _, rm := range s.Removals {
		if rm.Version == version && rm.Seq != 0 && !rm.Shared && !s.Held(rm.Seq) {
			effects.Removed = append(effects.Removed, rm.Seq)
		}
	}
	if s.Reach != nil {
		s.againReach(&effects, r, version)
	}
	if r.Kind != KindNotify {
		return effects
	}
	if s.Held(version) {
		effects.Seq = version
	} else if !slices.Contains(effects.Removed, version) {
		effects.Removed = append(effects.Removed, version)
	}
	return effects
}

// againReach adds the effects on endpoints and the outbound topic. Those of an endpoint of
// which nothing is known any more are those of its removal.
func (s *State) againReach(effects *Effects, r *Record, version uint64) {
	for _, g := range s.Reach.Gone {
		if g.Version == version && !s.Reach.holds(g.Seq) {
			effects.GoneEndpoints = append(effects.GoneEndpoints, g.Seq)
		}
	}
	switch r.Kind {
	case KindEndpoint:
		if s.Reach.holds(version) {
			effects.Endpoint = version
		} else {
			effects.GoneEndpoints = append(effects.GoneEndpoints, version)
		}
	case KindTell:
		effects.Outbound = s.outbound(r.Tell, version)
	}
}

// folder is one fold under way.
type folder struct {
	s       *State
	in      Input
	effects Effects
	silent  bool // see Record.Silent
	grown   bool // an item keeps more arrivals than before
	// audience is that of the record, see Record.audience.
	audience string
	// moved says that places may not be seqs, or that items may be hidden or muted.
	moved bool
}

func (f *folder) apply(r *Record) Outcome {
	// The watermark must move even if the id tells the duplicate.
	if f.routedBefore(r.Origin) {
		return Duplicate
	}
	switch r.Kind {
	case KindNotify:
		return f.notify(r)
	case KindRetract:
		return f.retract(r)
	case KindErase:
		return f.erase()
	case KindTouch:
		return Unchanged
	case KindSnooze:
		return f.snooze(r)
	case KindUnsnooze:
		return f.unsnooze(r)
	case KindMute:
		return f.mute(r.Category)
	case KindUnmute:
		return f.unmute(r.Category)
	case KindPrefs:
		return f.prefs(r)
	case KindEndpoint:
		return f.endpoint(r)
	case KindEndpointGone:
		return f.endpointGone(r)
	case KindTell:
		return f.tell(r)
	case KindUntell:
		return f.untell(r)
	case KindJoin:
		return f.welcome(r)
	case KindSubscribe:
		return f.subscribe(r)
	case KindUnsubscribe:
		return f.unsubscribe(r)
	default:
		return f.command(r)
	}
}

// remove drops the items for which gone is true, remembers them and has their
// contents removed, but for those of notices. It reports whether there were any.
func (f *folder) remove(gone func(*Entry) bool) bool {
	kept := 0
	for i := range f.s.Items {
		e := &f.s.Items[i]
		if gone(e) {
			if e.Shared != nil {
				f.s.Removals = append(f.s.Removals, Removal{Seq: e.Seq, Version: f.s.Version, Shared: true})
				continue
			}
			for i := range e.Group.earlier() {
				f.leave(&e.Group.Earlier[i])
			}
			f.remember(e.Seq, e.Hash)
			f.effects.Removed = append(f.effects.Removed, e.Seq)
			continue
		}
		if kept < i {
			f.s.Items[kept] = *e
		}
		kept++
	}
	any := kept < len(f.s.Items)
	f.s.Items = f.s.Items[:kept]
	return any
}

func (f *folder) remember(seq, hash uint64) {
	f.s.Removals = append(f.s.Removals, Removal{Seq: seq, Version: f.s.Version, Hash: hash})
}

// pass does what the time of the record asks for, in one look at the items: what has
// expired goes, then what has woken is settled.
func (f *folder) pass() {
	now := f.in.Time.UnixMilli()
	gone, woken := false, false
	for i := range f.s.Items {
		e := &f.s.Items[i]
		gone = gone || e.ExpiresAt != 0 && e.ExpiresAt <= now
		if e.Until != 0 || e.Shown != 0 || e.Muted {
			f.moved = true
			woken = woken || e.Shown == 0 && e.Until != 0 && e.Until <= now
		}
	}
	if gone {
		f.remove(func(e *Entry) bool { return e.ExpiresAt != 0 && e.ExpiresAt <= now })
	}
	if woken {
		f.settle()
	}
}

// evict drops the user's own shown items over the cap: those that arrived muted before all
// others, and of each the ones of the lowest places.
func (f *folder) evict() {
	over := len(f.s.Items) - f.cap()
	if over <= 0 {
		return
	}
	if !f.moved && !f.shares() {
		oldest := f.s.Items[over-1].Seq
		f.remove(func(e *Entry) bool { return e.Seq <= oldest })
		return
	}
	for over -= f.uncapped(); over > 0; over-- {
		var lowest *Entry
		for i := range f.s.Items {
			e := &f.s.Items[i]
			if e.Shared == nil && !e.Hidden(f.in.Time) && (lowest == nil || e.Muted && !lowest.Muted || e.Muted == lowest.Muted && e.Compare(lowest) < 0) {
				lowest = e
			}
		}
		seq := lowest.Seq
		f.remove(func(e *Entry) bool { return e.Seq == seq })
		if seq == f.effects.Seq {
			f.effects.Seq = 0 // it arrived muted where all others are not
		}
	}
}

// shares reports whether there are notices among the items. Rows of a partition without
// a board have none.
func (f *folder) shares() bool {
	if f.in.Keep < 1 {
		return false
	}
	for i := range f.s.Items { // by index: an Entry is large
		if f.s.Items[i].Shared != nil {
			return true
		}
	}
	return false
}

// uncapped is how many items count in no cap: hidden ones, and notices.
func (f *folder) uncapped() int {
	n := 0
	for i := range f.s.Items {
		if e := &f.s.Items[i]; e.Shared != nil || e.Hidden(f.in.Time) {
			n++
		}
	}
	return n
}

// trim forgets what a row has too many removals of.
func (f *folder) trim() {
	keep := f.cap()
	if f.in.Keep > 0 {
		keep = f.in.Keep
	}
	f.s.Trim(keep)
}

// Trim forgets the oldest removals over so many, of the user's own and of notices each:
// notices that come and go leave no fewer ids of the user's to be recognised by. It never
// forgets those of the row's version, since a redelivery of its record must find them. It
// changes s in place.
func (s *State) Trim(keep int) {
	if len(s.Removals) <= keep {
		return
	}
	shared := 0
	for i := range s.Removals {
		if s.Removals[i].Shared {
			shared++
		}
	}
	own := len(s.Removals) - shared - keep
	if shared -= keep; own <= 0 && shared <= 0 {
		return
	}
	s.Removals = slices.DeleteFunc(s.Removals, func(r Removal) bool {
		over := &own
		if r.Shared {
			over = &shared
		}
		if *over <= 0 || r.Version >= s.Version {
			return false
		}
		*over--
		s.Horizon = max(s.Horizon, r.Version)
		return true
	})
}

// keep is how many arrivals an item keeps.
func (f *folder) keep() int { return min(max(f.in.Members, 1), MaxMembers) }

func (f *folder) limits() limits {
	if f.in.small != (limits{}) {
		return f.in.small
	}
	return limits{MaxHidden, MaxMutes, MaxRowMembers}
}

func (f *folder) cap() int {
	if f.in.Cap < 1 {
		return DefaultCap
	}
	return f.in.Cap
}
