package codec_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry/inbox"
)

func drawKind(t *rapid.T) inbox.EndpointKind {
	return rapid.SampledFrom([]inbox.EndpointKind{inbox.EndpointWebPush, inbox.EndpointMail, inbox.EndpointText}).Draw(t, "endpoint kind")
}

func drawBytes(t *rapid.T, label string) []byte {
	if b := rapid.SliceOf(rapid.Byte()).Draw(t, label); len(b) > 0 {
		return b
	}
	return nil
}

func drawAddress(t *rapid.T) *inbox.Address {
	return &inbox.Address{
		Kind: drawKind(t), Target: rapid.String().Draw(t, "target"), Label: rapid.String().Draw(t, "label"),
		P256dh: drawBytes(t, "p256dh"), Auth: drawBytes(t, "auth"), AddedAt: drawTime(t, "added at"), ExpiresAt: drawTime(t, "expires at"),
	}
}

// drawReachRecord fills what counts for a kind of the capability reach.
func drawReachRecord(t *rapid.T, r *inbox.Record) {
	if r.Kind <= inbox.KindEndpointGone {
		r.Rule, r.Origin = rapid.String().Draw(t, "rule"), drawOrigin(t)
	}
	if r.Kind == inbox.KindEndpointGone || r.Kind == inbox.KindTell {
		if seqs := rapid.SliceOf(rapid.Uint64()).Draw(t, "seqs"); len(seqs) > 0 {
			r.Seqs = seqs
		}
	}
	channel := rapid.SampledFrom([]string{"", "browser", "메일"}).Draw(t, "channel")
	ms := rapid.Int64Range(0, 1<<45).Draw(t, "ms")
	switch r.Kind {
	case inbox.KindPrefs:
		r.Prefs, r.Reason = drawBytes(t, "prefs"), inbox.CutReason(rapid.String().Draw(t, "reason"))
	case inbox.KindEndpoint:
		r.Endpoint = drawAddress(t)
	case inbox.KindEndpointGone:
		r.EndpointHash = rapid.Uint64().Draw(t, "endpoint hash")
		r.Reason, r.Soft = inbox.CutReason(rapid.String().Draw(t, "reason")), rapid.Bool().Draw(t, "soft")
	case inbox.KindTell:
		r.Tell = &inbox.Tell{
			Channel: channel, Kind: drawKind(t), Evaluated: rapid.Uint64().Draw(t, "evaluated"),
			Attempt: rapid.Uint32().Draw(t, "attempt"), GoodUntil: ms, Digest: rapid.Bool().Draw(t, "digest"),
		}
	case inbox.KindUntell:
		r.Untell = &inbox.Untell{Channel: channel, Decision: rapid.Uint64().Draw(t, "decision"), Attempt: rapid.Uint32().Draw(t, "attempt"), NotBefore: ms}
	}
}

// drawReach gives s what only rows of the capability reach have.
func drawReach(t *rapid.T, s *inbox.State) {
	upTo := func(label string) uint64 { return rapid.Uint64Range(0, s.Version).Draw(t, label) }
	rising := func(label string) (out []uint64) {
		for last := uint64(0); last < s.Version && rapid.IntRange(0, 2).Draw(t, label+" more") > 0; {
			last = rapid.Uint64Range(last+1, s.Version).Draw(t, label)
			out = append(out, last)
		}
		return out
	}
	r := &inbox.Reach{Prefs: drawBytes(t, "prefs"), PrefsVersion: upTo("prefs version"), EndpointsVersion: upTo("endpoints version")}
	for _, seq := range rising("endpoint") {
		e := inbox.Endpoint{Seq: seq, Kind: drawKind(t), Hash: rapid.Uint64().Draw(t, "hash")}
		if rapid.Bool().Draw(t, "bounced") {
			e.Bounces, e.BouncedAt, e.Bounce = rapid.Uint32().Draw(t, "bounces"), rapid.Int64().Draw(t, "bounced at"), rapid.String().Draw(t, "bounce")
		}
		r.Endpoints = append(r.Endpoints, e)
	}
	for _, version := range rising("gone") {
		g := inbox.GoneEndpoint{Seq: rapid.Uint64Range(0, version).Draw(t, "gone seq"), Version: version}
		if rapid.Bool().Draw(t, "with a reason") {
			g.Reason = rapid.String().Draw(t, "reason")
		}
		r.Gone = append(r.Gone, g)
	}
	for k := inbox.EndpointWebPush; k.Valid(); k++ {
		if rapid.Bool().Draw(t, "from") {
			r.From = append(r.From, inbox.From{Kind: k, Version: upTo("from")})
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "channels") {
		c := inbox.ChannelState{
			Name: fmt.Sprint("채널-", i), Kind: drawKind(t), Changed: upTo("changed"),
			Attempt: rapid.Uint32().Draw(t, "attempt"), NotBefore: rapid.Int64().Draw(t, "not before"),
		}
		for _, version := range rising("decision") {
			c.Decisions = append(c.Decisions, inbox.Decision{Version: version, At: rapid.Int64().Draw(t, "at"), Digest: rapid.Bool().Draw(t, "digest")})
		}
		r.Channels = append(r.Channels, c)
	}
	for i := range s.Items {
		if !rapid.Bool().Draw(t, "reach of item") {
			continue
		}
		item := inbox.ItemReach{Seq: s.Items[i].Seq, Since: rapid.Int64().Draw(t, "since")}
		for j := range r.Channels {
			if rapid.Bool().Draw(t, "told") {
				item.Told = append(item.Told, inbox.Told{Channel: r.Channels[j].Name, Decision: rapid.Uint64Range(1, s.Version).Draw(t, "by")})
			}
		}
		slices.Reverse(item.Told)
		r.Items = append(r.Items, item)
	}
	s.Reach = r
}

// drawReachStep changes a drawn record of reach so that it has a good chance to meet what
// is in s.
func drawReachStep(t *rapid.T, s *inbox.State, r *inbox.Record, now time.Time) {
	target := func() string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "target") }
	switch r.Kind {
	case inbox.KindPrefs:
		r.Prefs = rapid.SampledFrom([][]byte{nil, []byte(`{"a":1}`), []byte(`{"a":null}`), []byte(`{"b":{"c":"김"}}`), []byte(`[`)}).Draw(t, "patch")
	case inbox.KindEndpoint:
		r.Endpoint.Target = target()
	case inbox.KindEndpointGone:
		r.EndpointHash, r.Seqs = inbox.EndpointHash(drawKind(t), target()), nil
		if s.Reach != nil && len(s.Reach.Endpoints) > 0 {
			r.Seqs = []uint64{s.Reach.Endpoints[0].Seq}
			r.Soft = rapid.Bool().Draw(t, "soft bounce")
		}
	case inbox.KindTell:
		r.Seqs = nil
		for i := range s.Items {
			r.Seqs = append(r.Seqs, s.Items[i].Seq)
		}
		r.Tell.Channel = rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}).Draw(t, "channel")
		r.Tell.Evaluated, r.Tell.GoodUntil = s.Version, now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "good"))*time.Minute).UnixMilli()
	case inbox.KindUntell:
		if s.Reach != nil && len(s.Reach.Channels) > 0 {
			c := &s.Reach.Channels[0]
			r.Untell.Channel = c.Name
			if len(c.Decisions) > 0 {
				r.Untell.Decision = c.Decisions[len(c.Decisions)-1].Version
			}
		}
	}
}

// canonicalReach has nil for what is empty.
func canonicalReach(r *inbox.Reach) *inbox.Reach {
	if r == nil {
		return nil
	}
	c := *r
	if len(c.Prefs) == 0 {
		c.Prefs = nil
	}
	if len(c.Endpoints) == 0 {
		c.Endpoints = nil
	}
	if len(c.Gone) == 0 {
		c.Gone = nil
	}
	if len(c.From) == 0 {
		c.From = nil
	}
	if len(c.Channels) == 0 {
		c.Channels = nil
	}
	if len(c.Items) == 0 {
		c.Items = nil
	}
	c.Channels, c.Items = slices.Clone(c.Channels), slices.Clone(c.Items)
	for i := range c.Channels {
		if len(c.Channels[i].Decisions) == 0 {
			c.Channels[i].Decisions = nil
		}
	}
	for i := range c.Items {
		if len(c.Items[i].Told) == 0 {
			c.Items[i].Told = nil
		}
	}
	return &c
}
