package inbox

// erase leaves a stub: versions, watermarks and removals, so that versions
// never fall and redeliveries stay recognised. In a partition with a board its user is
// one who has joined.
func (f *folder) erase() Outcome {
	rest := len(f.s.Mutes)+len(f.s.Topics) > 0
	f.s.Mutes, f.s.Topics = nil, nil
	f.s.Joined = f.s.Joined || f.in.Keep > 0
	reach := f.eraseReach()
	if !f.remove(func(*Entry) bool { return true }) && !rest && !reach {
		return Unchanged
	}
	return Applied
}

// eraseReach leaves what redeliveries and decisions under way need to know.
func (f *folder) eraseReach() bool {
	reach := f.s.Reach
	if reach == nil {
		return false
	}
	prefs := reach.Prefs != nil
	if prefs {
		reach.PrefsVersion = f.s.Version
	}
	endpoints := f.dropEndpoints("", func(*Endpoint) bool { return true })
	for i := range reach.Gone {
		reach.Gone[i].Reason = ""
	}
	if endpoints {
		reach.EndpointsVersion = f.s.Version
	}
	channels := len(reach.Channels) > 0
	*reach = Reach{PrefsVersion: reach.PrefsVersion, EndpointsVersion: reach.EndpointsVersion, Gone: reach.Gone}
	return prefs || endpoints || channels
}
