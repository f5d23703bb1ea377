package inbox

// WithLimits returns in with limits that a short history comes to.
func (in Input) WithLimits(hidden, mutes, rowMembers int) Input {
	in.small = limits{hidden, mutes, rowMembers}
	return in
}
