package inbox

import "slices"

// Mute is a muted category.
type Mute struct {
	Category string
	Version  uint64 // of the record that muted it
	At       int64  // the timestamp of that, in milliseconds since 1970
}

// IsMuted reports whether a category is muted. No category, "", never is.
func (s *State) IsMuted(category string) bool {
	return category != "" && slices.ContainsFunc(s.Mutes, func(m Mute) bool { return m.Category == category })
}

// MutesFull reports whether one more category cannot be muted.
func (s *State) MutesFull() bool { return len(s.Mutes) >= MaxMutes }

// mute mutes a category: what arrives in it from now on is put away, read. An item
// that its sender has hidden in it counts as not arrived yet.
func (f *folder) mute(category string) Outcome {
	if category == "" {
		return Unchanged
	}
	outcome := Unchanged
	if !f.s.IsMuted(category) {
		if len(f.s.Mutes) >= f.limits().mutes {
			return Full
		}
		f.s.Mutes = append(f.s.Mutes, Mute{Category: category, Version: f.s.Version, At: f.in.Time.UnixMilli()})
		outcome = Applied
	}
	for i := range f.s.Items {
		e := &f.s.Items[i]
		if e.Born && !e.Muted && e.Category == category {
			e.Muted, e.Archived, e.Read, e.Seen, e.Version = true, true, true, true, f.s.Version
			outcome = Applied
		}
	}
	return outcome
}

// unmute has what arrives in a category from now on shown again. An item
// that arrived muted stays where it is.
func (f *folder) unmute(category string) Outcome {
	n := len(f.s.Mutes)
	f.s.Mutes = slices.DeleteFunc(f.s.Mutes, func(m Mute) bool { return m.Category == category })
	if len(f.s.Mutes) == n {
		return Unchanged
	}
	if len(f.s.Mutes) == 0 {
		f.s.Mutes = nil
	}
	return Applied
}
