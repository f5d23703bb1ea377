package codec

import (
	"time"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// fromReachRecord gives m what counts for the kinds of the capability reach.
func fromReachRecord(m *belfrypb.Record, r *inbox.Record) (err error) {
	switch r.Kind {
	case inbox.KindPrefs:
		m.Prefs, m.Rule, m.Origin, m.Reason = r.Prefs, r.Rule, fromOrigin(r.Origin), inbox.CutReason(r.Reason)
	case inbox.KindEndpoint:
		if r.Endpoint == nil {
			return corrupt("record", "endpoint without an endpoint")
		}
		m.Seqs, m.Rule, m.Origin = r.Seqs, r.Rule, fromOrigin(r.Origin)
		m.Endpoint, err = fromAddress("record", r.Endpoint)
	case inbox.KindEndpointGone:
		m.Seqs, m.EndpointHash, m.Rule, m.Origin = r.Seqs, r.EndpointHash, r.Rule, fromOrigin(r.Origin)
		m.Reason, m.Soft = inbox.CutReason(r.Reason), r.Soft
	case inbox.KindTell:
		t := r.Tell
		switch {
		case t == nil:
			return corrupt("record", "tell without a channel")
		case !t.Kind.Valid():
			return corrupt("record", "%v of a tell", t.Kind)
		}
		m.Seqs = r.Seqs
		m.Tell = &belfrypb.Tell{
			Channel: t.Channel, Kind: belfrypb.EndpointKind(t.Kind), Evaluated: t.Evaluated,
			Attempt: t.Attempt, GoodUntilMs: t.GoodUntil, Digest: t.Digest,
		}
		err = checkTime("record", "good_until", time.UnixMilli(t.GoodUntil))
	case inbox.KindUntell:
		u := r.Untell
		if u == nil {
			return corrupt("record", "untell without a decision")
		}
		m.Untell = &belfrypb.Untell{Channel: u.Channel, Decision: u.Decision, Attempt: u.Attempt, NotBeforeMs: u.NotBefore}
		err = checkTime("record", "not_before", time.UnixMilli(u.NotBefore))
	}
	return err
}

// toReachRecord is the inverse of fromReachRecord.
func toReachRecord(r *inbox.Record, m *belfrypb.Record) (err error) {
	if len(m.Seqs) > 0 && (r.Kind == inbox.KindEndpoint || r.Kind == inbox.KindEndpointGone || r.Kind == inbox.KindTell) {
		r.Seqs = m.Seqs
	}
	switch r.Kind {
	case inbox.KindPrefs:
		if len(m.Prefs) > 0 {
			r.Prefs = m.Prefs
		}
		r.Reason = m.Reason
	case inbox.KindEndpoint:
		if m.Endpoint == nil {
			return corrupt("record", "endpoint without an endpoint")
		}
		if r.Endpoint, err = toAddress("record", m.Endpoint); err != nil {
			return err
		}
	case inbox.KindEndpointGone:
		r.EndpointHash, r.Reason, r.Soft = m.EndpointHash, m.Reason, m.Soft
	case inbox.KindTell:
		if m.Tell == nil {
			return corrupt("record", "tell without a channel")
		}
		t := m.Tell
		kind, err := kindOf(t.Kind)
		if err != nil {
			return corrupt("record", "%v", err)
		}
		r.Tell = &inbox.Tell{
			Channel: t.Channel, Kind: kind, Evaluated: t.Evaluated, Attempt: t.Attempt, GoodUntil: t.GoodUntilMs, Digest: t.Digest,
		}
		return checkTime("record", "good_until", time.UnixMilli(t.GoodUntilMs))
	case inbox.KindUntell:
		if m.Untell == nil {
			return corrupt("record", "untell without a decision")
		}
		u := m.Untell
		r.Untell = &inbox.Untell{Channel: u.Channel, Decision: u.Decision, Attempt: u.Attempt, NotBefore: u.NotBeforeMs}
		return checkTime("record", "not_before", time.UnixMilli(u.NotBeforeMs))
	}
	r.Rule = m.Rule
	r.Origin, err = toOrigin(m.Origin)
	return err
}
