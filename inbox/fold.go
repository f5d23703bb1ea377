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
}

// Outcome tells what a record did, for metrics and logs.
type Outcome string

// The values of Outcome.
const (
	Applied     Outcome = "applied"     // the row changed
	Unchanged   Outcome = "unchanged"   // a command that matched nothing, or a repeat of one
	Duplicate   Outcome = "duplicate"   // a notification or retraction seen before
	Expired     Outcome = "expired"     // a notification that came too late
	Redelivered Outcome = "redelivered" // a record that the row had already
)

// Effects is what must be written besides the row.
type Effects struct {
	Outcome Outcome
	Repeat  Repeat // of a duplicate
	// Seq, if not 0, is that of the content to write under its key.
	Seq uint64
	// Item is that content; nil after [State.Apply].
	Item *Item
	// Removed are the seqs whose content must go.
	Removed []uint64
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
// collapse key and expiry, and makes no content.
func (s *State) Apply(r *Record, in Input) Effects {
	if s.Epoch != in.Epoch || s.Version == 0 {
		s.Epoch, s.Base = in.Epoch, max(s.Version, in.Base)
	}
	version := s.Base + uint64(in.Offset) + 1
	if version <= s.Version {
		return again(s, r, version)
	}
	s.Version, s.ChangedAt = version, in.Time.UTC().Truncate(time.Millisecond)
	f := folder{s: s, in: in}
	f.dropExpired()
	f.effects.Outcome = f.apply(r)
	f.trim()
	return f.effects
}

// again computes the effects of a redelivered record. Its first effects are
// known by its version: the item it made has it as seq, what it removed
// carries it.
func again(s *State, r *Record, version uint64) Effects {
	effects := Effects{Outcome: Redelivered}
	for _, rm := range s.Removals {
		if rm.Version == version && rm.Seq != 0 {
			effects.Removed = append(effects.Removed, rm.Seq)
		}
	}
	if r.Kind != KindNotify {
		return effects
	}
	if _, ok := s.Entry(version); ok {
		effects.Seq = version
	} else if !slices.Contains(effects.Removed, version) {
		effects.Removed = append(effects.Removed, version)
	}
	return effects
}

// folder is one fold under way.
type folder struct {
	s       *State
	in      Input
	effects Effects
}

func (f *folder) apply(r *Record) Outcome {
	switch r.Kind {
	case KindNotify:
		return f.notify(r)
	case KindRetract:
		return f.retract(r)
	case KindErase:
		return f.erase()
	case KindTouch:
		return Unchanged
	default:
		return f.command(r)
	}
}

// remove drops the items for which gone is true, remembers them and has their
// contents removed. It reports whether there were any.
func (f *folder) remove(gone func(*Entry) bool) bool {
	kept := 0
	for i := range f.s.Items {
		e := &f.s.Items[i]
		if gone(e) {
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

func (f *folder) dropExpired() {
	now := f.in.Time.UnixMilli()
	f.remove(func(e *Entry) bool { return e.ExpiresAt != 0 && e.ExpiresAt <= now })
}

// trim forgets the oldest removals over the cap, but never those of this
// record: its redelivery must find them.
func (f *folder) trim() {
	over := len(f.s.Removals) - f.cap()
	n := 0
	for n < over && f.s.Removals[n].Version < f.s.Version {
		f.s.Horizon = f.s.Removals[n].Version
		n++
	}
	f.s.Removals = slices.Delete(f.s.Removals, 0, max(n, 0))
}

func (f *folder) cap() int {
	if f.in.Cap < 1 {
		return DefaultCap
	}
	return f.in.Cap
}
