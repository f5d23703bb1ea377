package inbox

// erase leaves a stub: versions, watermarks and removals, so that versions
// never fall and redeliveries stay recognised.
func (f *folder) erase() Outcome {
	mutes := f.s.Mutes
	f.s.Mutes = nil
	reach := f.eraseReach()
	if !f.remove(func(*Entry) bool { return true }) && len(mutes) == 0 && !reach {
		return Unchanged
	}
	return Applied
}
