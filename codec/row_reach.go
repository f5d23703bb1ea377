package codec

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// rowReachField is the number of the columns of the capability reach.
const rowReachField = 41

// fromReach returns the columns of the capability reach for a row that has it and keeps the
// rules of checkReach.
func fromReach(s *inbox.State) *belfrypb.Reach {
	r := s.Reach
	m := &belfrypb.Reach{Prefs: r.Prefs, PrefsVersion: r.PrefsVersion, EndpointsVersion: r.EndpointsVersion}
	var seq, version uint64
	for _, e := range r.Endpoints {
		m.EndpointSeq, m.EndpointKind, m.EndpointHash = append(m.EndpointSeq, e.Seq-seq), append(m.EndpointKind, uint32(e.Kind)), append(m.EndpointHash, e.Hash)
		seq = e.Seq
	}
	seq = 0
	for _, g := range r.Gone {
		m.GoneSeq, m.GoneVersion = append(m.GoneSeq, int64(g.Seq-seq)), append(m.GoneVersion, g.Version-version)
		seq, version = g.Seq, g.Version
	}
	fromBounces(m, r)
	for _, f := range r.From {
		m.FromKind, m.FromVersion = append(m.FromKind, uint32(f.Kind)), append(m.FromVersion, f.Version)
	}
	places := map[string]uint32{}
	version = 0
	at := int64(0)
	for i := range r.Channels {
		c := &r.Channels[i]
		places[c.Name] = uint32(i)
		m.ChannelName, m.ChannelKind, m.ChannelChanged = append(m.ChannelName, c.Name), append(m.ChannelKind, uint32(c.Kind)), append(m.ChannelChanged, c.Changed)
		m.ChannelAttempt, m.ChannelNotBefore = append(m.ChannelAttempt, c.Attempt), append(m.ChannelNotBefore, c.NotBefore)
		m.ChannelDecisions = append(m.ChannelDecisions, uint32(len(c.Decisions)))
		for _, d := range c.Decisions {
			m.DecisionVersion, m.DecisionAt = append(m.DecisionVersion, d.Version-version), append(m.DecisionAt, d.At-at)
			m.DecisionDigest = append(m.DecisionDigest, d.Digest)
			version, at = d.Version, d.At
		}
	}
	var decision uint64
	var since int64
	place, last := 0, 0
	for _, i := range r.Items {
		for s.Items[place].Seq != i.Seq {
			place++
		}
		m.ItemIndex, m.ItemSince, m.ItemTold = append(m.ItemIndex, uint64(place-last)), append(m.ItemSince, i.Since-since), append(m.ItemTold, uint32(len(i.Told)))
		last, since = place, i.Since
		for _, t := range i.Told {
			m.ToldChannel, m.ToldDecision = append(m.ToldChannel, places[t.Channel]), append(m.ToldDecision, int64(t.Decision-decision))
			decision = t.Decision
		}
	}
	return m
}

// fromBounces writes columns that few rows have.
func fromBounces(m *belfrypb.Reach, r *inbox.Reach) {
	if slices.ContainsFunc(r.Endpoints, func(e inbox.Endpoint) bool { return e.Bounces != 0 || e.BouncedAt != 0 || e.Bounce != "" }) {
		for _, e := range r.Endpoints {
			m.EndpointBounces, m.EndpointBouncedAt, m.EndpointBounce = append(m.EndpointBounces, e.Bounces), append(m.EndpointBouncedAt, e.BouncedAt), append(m.EndpointBounce, e.Bounce)
		}
	}
	if slices.ContainsFunc(r.Gone, func(g inbox.GoneEndpoint) bool { return g.Reason != "" }) {
		for _, g := range r.Gone {
			m.GoneReason = append(m.GoneReason, g.Reason)
		}
	}
}

// toBounces is the inverse of fromBounces, for a row whose endpoints are there.
func toBounces(r *inbox.Reach, m *belfrypb.Reach) error {
	n, bounces, reasons := len(r.Endpoints), len(m.EndpointBounces), len(m.GoneReason)
	if len(m.EndpointBouncedAt) != bounces || len(m.EndpointBounce) != bounces || bounces != 0 && bounces != n || reasons != 0 && reasons != len(r.Gone) {
		return fmt.Errorf("columns of bounces of %d, %d and %d endpoints, and of %d reasons, do not match", bounces, len(m.EndpointBouncedAt), len(m.EndpointBounce), reasons)
	}
	for i := range bounces {
		r.Endpoints[i].Bounces, r.Endpoints[i].BouncedAt, r.Endpoints[i].Bounce = m.EndpointBounces[i], m.EndpointBouncedAt[i], m.EndpointBounce[i]
	}
	for i := range reasons {
		r.Gone[i].Reason = m.GoneReason[i]
	}
	return nil
}

// decodeReach adds to a row whose items are there what the columns of the capability say.
func decodeReach(s *inbox.State, b []byte) error {
	var m belfrypb.Reach
	if err := proto.Unmarshal(b, &m); err != nil {
		return err
	}
	if extra(&m) != nil {
		return fmt.Errorf("unknown columns of reach")
	}
	r := &inbox.Reach{PrefsVersion: m.PrefsVersion, EndpointsVersion: m.EndpointsVersion}
	if len(m.Prefs) > 0 {
		r.Prefs = m.Prefs
	}
	n, gone, from := len(m.EndpointSeq), len(m.GoneSeq), len(m.FromKind)
	if len(m.EndpointKind) != n || len(m.EndpointHash) != n || len(m.GoneVersion) != gone || len(m.FromVersion) != from {
		return fmt.Errorf("endpoint columns of %d, %d and %d, %d and %d, %d and %d values", n, len(m.EndpointKind), len(m.EndpointHash), gone, len(m.GoneVersion), from, len(m.FromVersion))
	}
	var seq, version uint64
	var err error
	for i := range n {
		seq += m.EndpointSeq[i]
		e := inbox.Endpoint{Seq: seq, Hash: m.EndpointHash[i]}
		if e.Kind, err = kindOf(m.EndpointKind[i]); err != nil {
			return err
		}
		r.Endpoints = append(r.Endpoints, e)
	}
	seq = 0
	for i := range gone {
		seq += uint64(m.GoneSeq[i])
		version += m.GoneVersion[i]
		r.Gone = append(r.Gone, inbox.GoneEndpoint{Seq: seq, Version: version})
	}
	if err := toBounces(r, &m); err != nil {
		return err
	}
	for i := range from {
		f := inbox.From{Version: m.FromVersion[i]}
		if f.Kind, err = kindOf(m.FromKind[i]); err != nil {
			return err
		}
		r.From = append(r.From, f)
	}
	if err := toChannels(r, &m); err != nil {
		return err
	}
	if err := toItemReach(s, r, &m); err != nil {
		return err
	}
	s.Reach = r
	return nil
}

func toChannels(r *inbox.Reach, m *belfrypb.Reach) (err error) {
	n, decisions := len(m.ChannelName), len(m.DecisionVersion)
	if len(m.ChannelKind) != n || len(m.ChannelChanged) != n || len(m.ChannelAttempt) != n || len(m.ChannelNotBefore) != n || len(m.ChannelDecisions) != n ||
		len(m.DecisionAt) != decisions || len(m.DecisionDigest) != decisions {
		return fmt.Errorf("columns of %d channels or %d decisions do not match", n, decisions)
	}
	var version uint64
	var at int64
	used := 0
	for i, name := range m.ChannelName {
		c := inbox.ChannelState{Name: name, Changed: m.ChannelChanged[i], Attempt: m.ChannelAttempt[i], NotBefore: m.ChannelNotBefore[i]}
		if c.Kind, err = kindOf(m.ChannelKind[i]); err != nil {
			return err
		}
		own := int(m.ChannelDecisions[i])
		if own > decisions-used {
			return fmt.Errorf("channel %q has %d decisions of %d", name, own, decisions-used)
		}
		for j := used; j < used+own; j++ {
			version += m.DecisionVersion[j]
			at += m.DecisionAt[j]
			c.Decisions = append(c.Decisions, inbox.Decision{Version: version, At: at, Digest: m.DecisionDigest[j]})
		}
		used += own
		r.Channels = append(r.Channels, c)
	}
	if used < decisions {
		return fmt.Errorf("%d decisions without a channel", decisions-used)
	}
	return nil
}

func toItemReach(s *inbox.State, r *inbox.Reach, m *belfrypb.Reach) error {
	n, told := len(m.ItemIndex), len(m.ToldChannel)
	if len(m.ItemSince) != n || len(m.ItemTold) != n || len(m.ToldDecision) != told {
		return fmt.Errorf("columns of %d items or %d decisions that took one do not match", n, told)
	}
	var decision, place uint64
	var since int64
	used := 0
	for i, index := range m.ItemIndex {
		place += index
		if place >= uint64(len(s.Items)) {
			return fmt.Errorf("item %d of %d", place, len(s.Items))
		}
		since += m.ItemSince[i]
		item := inbox.ItemReach{Seq: s.Items[place].Seq, Since: since}
		own := int(m.ItemTold[i])
		if own > told-used {
			return fmt.Errorf("item %d is taken by %d decisions of %d", item.Seq, own, told-used)
		}
		for j := used; j < used+own; j++ {
			decision += uint64(m.ToldDecision[j])
			channel := int(m.ToldChannel[j])
			if channel >= len(r.Channels) {
				return fmt.Errorf("channel %d of %d", channel, len(r.Channels))
			}
			item.Told = append(item.Told, inbox.Told{Channel: r.Channels[channel].Name, Decision: decision})
		}
		used += own
		r.Items = append(r.Items, item)
	}
	if used < told {
		return fmt.Errorf("%d decisions took no item", told-used)
	}
	return nil
}

// checkReach returns what is wrong with what s says of reach.
func checkReach(s *inbox.State) error {
	r := s.Reach
	if r == nil {
		return nil
	}
	if r.PrefsVersion > s.Version || r.EndpointsVersion > s.Version {
		return fmt.Errorf("preferences of version %d or endpoints of %d in a row of version %d", r.PrefsVersion, r.EndpointsVersion, s.Version)
	}
	last := uint64(0)
	for _, e := range r.Endpoints {
		if e.Seq <= last || e.Seq > s.Version || !e.Kind.Valid() {
			return fmt.Errorf("endpoint %d of %v after %d in a row of version %d", e.Seq, e.Kind, last, s.Version)
		}
		last = e.Seq
	}
	last = 0
	for _, g := range r.Gone {
		if g.Version < last || g.Version > s.Version || g.Seq > g.Version {
			return fmt.Errorf("endpoint %d gone at version %d after one at %d in a row of version %d", g.Seq, g.Version, last, s.Version)
		}
		last = g.Version
	}
	for i, f := range r.From {
		if f.Version > s.Version || !f.Kind.Valid() || r.FromOf(f.Kind) != r.From[i].Version {
			return fmt.Errorf("first endpoint of %v at version %d in a row of version %d", f.Kind, f.Version, s.Version)
		}
	}
	names := map[string]bool{}
	for i := range r.Channels {
		c := &r.Channels[i]
		if names[c.Name] || c.Changed > s.Version || !c.Kind.Valid() {
			return fmt.Errorf("channel %q of %v, changed at version %d, in a row of version %d", c.Name, c.Kind, c.Changed, s.Version)
		}
		names[c.Name] = true
		last = 0
		for _, d := range c.Decisions {
			if d.Version <= last || d.Version > s.Version {
				return fmt.Errorf("decision %d after %d in a row of version %d", d.Version, last, s.Version)
			}
			last = d.Version
		}
	}
	last = 0
	for _, i := range r.Items {
		if _, ok := s.Entry(i.Seq); !ok || i.Seq <= last {
			return fmt.Errorf("item %d of reach after %d", i.Seq, last)
		}
		last = i.Seq
		for _, t := range i.Told {
			if !names[t.Channel] || t.Decision == 0 || t.Decision > s.Version {
				return fmt.Errorf("item %d taken by decision %d of channel %q in a row of version %d", i.Seq, t.Decision, t.Channel, s.Version)
			}
		}
	}
	return nil
}
