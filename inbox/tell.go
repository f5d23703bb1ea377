package inbox

import (
	"cmp"
	"slices"
)

// Tell is that items are due on a channel. The fold decides whether that holds.
type Tell struct {
	Channel   string
	Kind      EndpointKind
	Evaluated uint64 // version of the row that was looked at
	Attempt   uint32 // of the channel, as that row has it
	GoodUntil int64  // what is not sent by then is returned, in milliseconds since 1970
	Digest    bool   // the decision counts in no daily cap
}

// Untell returns a decision: nobody was reached by it.
type Untell struct {
	Channel   string
	Decision  uint64
	Attempt   uint32 // of the decision, one more if sending has failed
	NotBefore int64  // the next decision waits until then, in milliseconds since 1970
}

// Outbound is a decision as senders get it, by the record of the outbound topic whose key
// is the recipient. It says neither what to send nor where to: the row does, at a version
// not below Decision.
type Outbound struct {
	Channel   string
	Kind      EndpointKind
	Decision  uint64 // version of the tell record
	Attempt   uint32
	GoodUntil int64 // milliseconds since 1970
}

// tell decides. A tell that was evaluated before preferences, endpoints or the channel
// changed last is dropped, as is one that comes too late; of two of one evaluation the
// first alone holds. Of the named items it takes those that still count now.
func (f *folder) tell(r *Record) Outcome {
	reach, t := f.s.Reach, r.Tell
	if reach == nil || t == nil {
		return Unchanged
	}
	c := reach.Channel(t.Channel)
	if f.in.Time.UnixMilli() > t.GoodUntil || max(reach.PrefsVersion, reach.EndpointsVersion, c.Changed) > t.Evaluated {
		return Outdated
	}
	took := false
	for _, seq := range r.Seqs {
		e, ok := f.s.Entry(seq)
		if !ok || !t.Kind.Counts(e, f.in.Time) {
			continue
		}
		if item := reach.item(seq); item.By(t.Channel) == 0 {
			item.Told = append(item.Told, Told{t.Channel, f.s.Version})
			took = true
		}
	}
	if !took {
		return Unchanged
	}
	f.makeChannel(t.Channel)
	own := reach.channel(t.Channel)
	own.Kind, own.Changed, own.Attempt = t.Kind, f.s.Version, 0
	own.Decisions = append(own.Decisions, Decision{f.s.Version, f.in.Time.UnixMilli(), t.Digest})
	if len(own.Decisions) > MaxDecisions {
		// Digests count in no cap: the oldest of them goes before a decision that does.
		i := max(slices.IndexFunc(own.Decisions[:MaxDecisions], func(d Decision) bool { return d.Digest }), 0)
		own.Decisions = slices.Delete(own.Decisions, i, i+1)
	}
	f.effects.Outbound = f.s.outbound(t, f.s.Version)
	return Applied
}

// outbound returns what the tell of that version emits, also when it comes again: as long
// as an item is told by it. It is nil for nothing.
func (s *State) outbound(t *Tell, version uint64) *Outbound {
	if s.Reach == nil || t == nil {
		return nil
	}
	for i := range s.Reach.Items {
		if s.Reach.Items[i].By(t.Channel) == version {
			return &Outbound{t.Channel, t.Kind, version, t.Attempt, t.GoodUntil}
		}
	}
	return nil
}

// makeChannel has the row hold a channel of that name. Where it holds too many, the one
// that has not changed for longest goes, with what was told on it.
func (f *folder) makeChannel(name string) {
	reach := f.s.Reach
	if reach.channel(name) != nil {
		return
	}
	if len(reach.Channels) >= maxRowChannels {
		at := 0
		for i := range reach.Channels {
			if reach.Channels[i].Changed < reach.Channels[at].Changed {
				at = i
			}
		}
		gone := reach.Channels[at].Name
		reach.Channels = slices.Delete(reach.Channels, at, at+1)
		for i := range reach.Items {
			f.untold(&reach.Items[i], gone, 0)
		}
	}
	reach.Channels = append(reach.Channels, ChannelState{Name: name})
}

// untold takes a decision off an item, any if that is 0, and reports whether it was there.
func (f *folder) untold(i *ItemReach, channel string, decision uint64) bool {
	n := len(i.Told)
	i.Told = slices.DeleteFunc(i.Told, func(t Told) bool {
		return t.Channel == channel && (decision == 0 || t.Decision == decision)
	})
	return len(i.Told) < n
}

// untell takes a decision back, if the row has it: late ones and those that race do
// nothing.
func (f *folder) untell(r *Record) Outcome {
	reach, u := f.s.Reach, r.Untell
	if reach == nil || u == nil || u.Decision == 0 {
		return Unchanged
	}
	back := false
	for i := range reach.Items {
		back = f.untold(&reach.Items[i], u.Channel, u.Decision) || back
	}
	c := reach.channel(u.Channel)
	if c != nil {
		n := len(c.Decisions)
		c.Decisions = slices.DeleteFunc(c.Decisions, func(d Decision) bool { return d.Version == u.Decision })
		back = back || len(c.Decisions) < n
	}
	if !back {
		return Unchanged
	}
	if c != nil {
		c.Changed, c.Attempt, c.NotBefore = f.s.Version, max(c.Attempt, u.Attempt), max(c.NotBefore, u.NotBefore)
	}
	return Applied
}

// since has delays of the item of that seq count from a time.
func (f *folder) since(seq uint64, at int64) {
	if f.s.Reach != nil && len(f.s.Reach.Endpoints) > 0 {
		f.s.Reach.item(seq).Since = at
	}
}

// handOn lets e, which takes the place of old, wait and be told as that: one message a
// thread until somebody looks at it.
func (f *folder) handOn(old, e *Entry) {
	reach := f.s.Reach
	if reach == nil {
		return
	}
	i, ok := reach.find(old.Seq)
	if !ok {
		return
	}
	from := reach.Items[i]
	told := slices.DeleteFunc(slices.Clone(from.Told), func(t Told) bool {
		c := reach.channel(t.Channel)
		mail := c != nil && c.Kind == EndpointMail
		return mail && old.Read || !mail && old.Seen
	})
	if old.Seen && len(told) == 0 {
		return
	}
	to := reach.item(e.Seq)
	if to.Told = told; !old.Seen && from.Since != 0 {
		to.Since = min(from.Since, cmp.Or(to.Since, from.Since)) // a hidden one waits for its wake
	}
}

// snoozed has delays of an item count from its wake, and forgets what was told of it.
func (f *folder) snoozed(e *Entry) {
	if f.s.Reach == nil {
		return
	}
	f.since(e.Seq, e.Until)
	if i, ok := f.s.Reach.find(e.Seq); ok {
		f.s.Reach.Items[i].Since, f.s.Reach.Items[i].Told = e.Until, nil
	}
}

// renamed has what the row holds of an item go along with it to its present seq. Where
// that is nothing, delays count from now, or from its wake.
func (f *folder) renamed(from uint64, e *Entry) {
	reach := f.s.Reach
	if reach == nil {
		return
	}
	if i, ok := reach.find(from); ok {
		moved := reach.Items[i]
		item := reach.item(e.Seq)
		item.Since, item.Told = moved.Since, moved.Told
		return
	}
	f.since(e.Seq, cmp.Or(e.Until, f.in.Time.UnixMilli()))
}
