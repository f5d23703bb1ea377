package inbox

// retract takes back what a sender named, also if it has not come yet.
func (f *folder) retract(r *Record) Outcome {
	if r.Retraction.CollapseKey != "" {
		key := r.collapse(r.Retraction.CollapseKey)
		if !f.remove(func(e *Entry) bool { return e.Collapse == key }) {
			return Unchanged
		}
		return Applied
	}
	hash := r.Identity()
	if hash == 0 {
		return Unchanged
	}
	if at := f.holds(hash); at >= 0 {
		f.takeBack(at, hash)
		return Applied
	}
	// An arrival that its item keeps no more is among the removals, as is what was
	// deleted or retracted before: nothing is left to take back.
	if f.gone(hash) {
		return Unchanged
	}
	f.remember(0, hash)
	return Applied
}
