package inbox

// erase leaves a stub: versions, watermarks and removals, so that versions
// never fall and redeliveries stay recognised.
func (f *folder) erase() Outcome {
	if !f.remove(func(*Entry) bool { return true }) {
		return Unchanged
	}
	return Applied
}
