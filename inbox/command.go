package inbox

// command applies what a user does to items. A seq or category that matches
// nothing is no error: another server may know more than this row.
func (f *folder) command(r *Record) Outcome {
	changed := false
	change := func(set func(*Entry) bool) {
		for e := range f.named(r) {
			if set(e) {
				e.Version = f.s.Version
				changed = true
			}
		}
	}
	switch r.Kind {
	case KindSeen:
		change(func(e *Entry) bool { return flip(&e.Seen, true) })
	case KindRead:
		change(func(e *Entry) bool {
			e.Seen = true
			return flip(&e.Read, true)
		})
	case KindUnread:
		change(func(e *Entry) bool { return flip(&e.Read, false) })
	case KindArchive:
		change(func(e *Entry) bool { return flip(&e.Archived, true) })
	case KindUnarchive:
		change(func(e *Entry) bool {
			if !flip(&e.Archived, false) {
				return false
			}
			e.Unarchived, e.Muted = f.s.Version, false
			return true
		})
	case KindDelete:
		doomed := map[uint64]bool{}
		for e := range f.named(r) {
			doomed[e.Seq] = true
		}
		changed = f.remove(func(e *Entry) bool { return doomed[e.Seq] })
	}
	if !changed {
		return Unchanged
	}
	return Applied
}

// named yields the entries that a command names: by seqs, and up to its horizon, the
// version that the user had on the screen; some twice. The horizon reaches what was on
// that screen alone: nothing that came, was shown again or left the archive after it,
// and nothing hidden. It is clamped to below the command's own version. A seq beside a
// horizon is of an item whose wake was not settled on that screen: if it is hidden, it
// is reached only if the horizon is not below its last change.
func (f *folder) named(r *Record) func(yield func(*Entry) bool) {
	return func(yield func(*Entry) bool) {
		byHorizon := r.UpTo != 0 && r.Kind.TakesHorizon()
		horizon := min(r.UpTo, f.s.Version-1)
		for _, seq := range r.Seqs {
			e, ok := f.s.Entry(seq)
			if !ok || byHorizon && e.Version > horizon && e.Hidden(f.in.Time) {
				continue
			}
			if !yield(e) {
				return
			}
		}
		if !byHorizon {
			return
		}
		for i := range f.s.Items {
			e := &f.s.Items[i]
			if e.Seq > horizon {
				return
			}
			if !e.Archived && e.Place() <= horizon && e.Unarchived <= horizon && (r.Category == "" || e.Category == r.Category) && !yield(e) {
				return
			}
		}
	}
}

// flip sets *b and reports whether that changed it.
func flip(b *bool, to bool) bool {
	changed := *b != to
	*b = to
	return changed
}
