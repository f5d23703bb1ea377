package inbox

import (
	"cmp"
	"slices"
)

func (f *folder) notify(r *Record) Outcome {
	hash := r.Identity()
	n := &r.Notification
	if f.known(hash) {
		f.effects.Repeat = f.s.repeats(r, hash)
		return Duplicate
	}
	entry := Entry{
		Seq:      f.s.Version,
		Version:  f.s.Version,
		Hash:     hash,
		Collapse: r.collapse(n.CollapseKey),
		Count:    1,
		Category: n.Category,
		Priority: n.Priority,
		Read:     r.Silent,
		Seen:     r.Silent,
	}
	if !n.ExpiresAt.IsZero() {
		entry.ExpiresAt = max(n.ExpiresAt.UnixMilli(), 1)
	}
	if entry.Collapse != 0 && f.keep() > 1 {
		entry.Group = newGroup(0, ActorOf(n.Actor), nil)
	}
	if entry.Expired(f.in.Time) {
		if hash != 0 {
			f.remember(0, hash)
		}
		return Expired
	}
	if !n.DeliverAt.IsZero() {
		f.schedule(&entry, n.DeliverAt.UnixMilli(), f.in.Time.UnixMilli())
	}
	if f.s.IsMuted(n.Category) {
		entry.Muted, entry.Archived, entry.Read, entry.Seen = true, true, true, true
	}
	f.crowd(&entry)
	f.moved = f.moved || entry.Muted || entry.Until != 0
	f.since(entry.Seq, cmp.Or(entry.Until, f.in.Time.UnixMilli()))
	f.join(&entry)
	f.insert(&entry)
	f.effects.Seq = entry.Seq
	return Applied
}

// schedule hides an arrival until its time, if that is not past.
func (f *folder) schedule(e *Entry, at, now int64) {
	if at <= now {
		f.effects.Delivery = Late
		return
	}
	f.effects.Delivery = Scheduled
	e.Until, e.Born = at, true
	// It is news when it comes, however old the source was when it was activated.
	e.Read, e.Seen = false, false
}

// crowd shows an arrival at once where as many as may be are hidden, unless it replaces
// one of them.
func (f *folder) crowd(e *Entry) {
	if e.Born && f.mate(e) < 0 && f.s.HiddenCount(f.in.Time) >= f.limits().hidden {
		e.Until, e.Born = 0, false
		e.Read, e.Seen = e.Read || f.silent, e.Seen || f.silent // it is no news now
		f.effects.Delivery = Crowded
	}
}

// known reports whether a notification with that hash is retained, or
// remembered as removed or retracted.
func (f *folder) known(hash uint64) bool {
	if hash == 0 {
		return false
	}
	return f.holds(hash) >= 0 || f.gone(hash)
}

// holds returns the place of the item that is or keeps the arrival with that hash, or -1.
func (f *folder) holds(hash uint64) int {
	for i := range f.s.Items { // by index: an Entry is large, and each record comes here
		e := &f.s.Items[i]
		if e.Hash == hash {
			return i
		}
		if e.Group != nil && slices.ContainsFunc(e.Group.Earlier, func(m Member) bool { return m.Hash == hash }) {
			return i
		}
	}
	return -1
}

func (f *folder) gone(hash uint64) bool {
	return slices.ContainsFunc(f.s.Removals, func(r Removal) bool { return r.Hash == hash })
}

// RoutedPast reports whether the row has taken a record from behind o, of the source that
// o is of.
func (s *State) RoutedPast(o Origin) bool {
	key := o.watermarkKey("")
	return slices.ContainsFunc(s.Watermarks, func(w Watermark) bool {
		return w.Key == key && (w.Offset > o.Offset || w.Offset == o.Offset && w.Index > o.Index)
	})
}

// routedBefore reports whether the source position of a record is at or below
// its watermark, and raises the watermark if not. Either way the watermark
// becomes the most recently used.
func (f *folder) routedBefore(o Origin) bool {
	if o.IsZero() {
		return false
	}
	mark := Watermark{Key: o.watermarkKey(f.audience), Offset: o.Offset, Index: o.Index}
	before := false
	i := slices.IndexFunc(f.s.Watermarks, func(w Watermark) bool { return w.Key == mark.Key })
	if i >= 0 {
		have := f.s.Watermarks[i]
		if have.Offset > o.Offset || have.Offset == o.Offset && have.Index >= o.Index {
			mark, before = have, true
		}
		f.s.Watermarks = slices.Delete(f.s.Watermarks, i, i+1)
	}
	f.s.Watermarks = append(f.s.Watermarks, mark)
	if over := len(f.s.Watermarks) - MaxWatermarks; over > 0 {
		f.s.Watermarks = slices.Delete(f.s.Watermarks, 0, over)
	}
	return before
}
