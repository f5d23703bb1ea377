package inbox

import "slices"

func (f *folder) notify(r *Record) Outcome {
	hash := IdentityHash(r.Notification.Source, r.Notification.ID, r.Rule)
	// The watermark must move even if the id tells the duplicate.
	if f.routedBefore(r.Origin) {
		return Duplicate
	}
	n := &r.Notification
	if f.known(hash) {
		f.effects.Repeat = f.s.repeats(n, hash)
		return Duplicate
	}
	entry := Entry{
		Seq:      f.s.Version,
		Version:  f.s.Version,
		Hash:     hash,
		Collapse: CollapseHash(n.CollapseKey),
		Count:    1,
		Category: n.Category,
		Priority: n.Priority,
		Read:     r.Silent,
		Seen:     r.Silent,
	}
	if !n.ExpiresAt.IsZero() {
		entry.ExpiresAt = max(n.ExpiresAt.UnixMilli(), 1)
	}
	if entry.Expired(f.in.Time) {
		if hash != 0 {
			f.remember(0, hash)
		}
		return Expired
	}
	f.collapse(&entry)
	f.s.Items = append(f.s.Items, entry)
	if over := len(f.s.Items) - f.cap(); over > 0 {
		oldest := f.s.Items[over-1].Seq
		f.remove(func(e *Entry) bool { return e.Seq <= oldest })
	}
	f.effects.Seq = entry.Seq
	return Applied
}

// collapse lets the new entry take the place of the newest unarchived one with
// the same collapse key.
func (f *folder) collapse(entry *Entry) {
	if entry.Collapse == 0 {
		return
	}
	for i := len(f.s.Items) - 1; i >= 0; i-- {
		old := f.s.Items[i]
		if old.Collapse == entry.Collapse && !old.Archived {
			entry.Count, entry.Replaces = old.Count+1, old.Seq
			entry.Read, entry.Seen = entry.Read && old.Read, entry.Seen && old.Seen
			f.remove(func(e *Entry) bool { return e.Seq == old.Seq })
			return
		}
	}
}

// known reports whether a notification with that hash is retained, or
// remembered as removed or retracted.
func (f *folder) known(hash uint64) bool {
	if hash == 0 {
		return false
	}
	for i := range f.s.Items { // by index: an Entry is large, and each record comes here
		if f.s.Items[i].Hash == hash {
			return true
		}
	}
	return f.gone(hash)
}

func (f *folder) gone(hash uint64) bool {
	return slices.ContainsFunc(f.s.Removals, func(r Removal) bool { return r.Hash == hash })
}

// routedBefore reports whether the source position of a record is at or below
// its watermark, and raises the watermark if not. Either way the watermark
// becomes the most recently used.
func (f *folder) routedBefore(o Origin) bool {
	if o.IsZero() {
		return false
	}
	mark := Watermark{Key: o.watermarkKey(), Offset: o.Offset, Index: o.Index}
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
