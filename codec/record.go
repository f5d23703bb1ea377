package codec

import (
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// EncodeRecord returns the value of r in the journal. Only the fields that
// count for its kind are written. The error matches [belfry.ErrCorrupt] if the
// kind or a priority does not exist or a time is outside the years 0 to 9999; a
// text that is not UTF-8 is an error too.
func EncodeRecord(r inbox.Record) ([]byte, error) {
	if !r.Kind.Valid() {
		return nil, corrupt("record", "%v", r.Kind)
	}
	if r.Kind == inbox.KindNotify {
		if b, ok := encodeNotify(&r); ok {
			return b, nil
		}
	}
	return encodeRecord(&r)
}

// encodeRecord is EncodeRecord by the generated codec.
func encodeRecord(r *inbox.Record) ([]byte, error) {
	m := &belfrypb.Record{Format: formatOf(r), Kind: belfrypb.Kind(r.Kind)}
	switch r.Kind {
	case inbox.KindNotify:
		n, err := fromNotification("record", &r.Notification)
		if err != nil {
			return nil, err
		}
		m.Notification, m.Rule, m.Origin, m.Silent = n, r.Rule, fromOrigin(r.Origin), r.Silent
	case inbox.KindRetract:
		m.Retraction = &belfrypb.Retraction{
			Source:      r.Retraction.Source,
			Id:          r.Retraction.ID,
			CollapseKey: r.Retraction.CollapseKey,
			Audience:    r.Retraction.Audience,
		}
		m.Rule, m.Origin = r.Rule, fromOrigin(r.Origin)
	case inbox.KindErase, inbox.KindTouch:
	case inbox.KindSnooze:
		if err := checkTime("record", "until", time.UnixMilli(r.Until)); err != nil {
			return nil, err
		}
		m.Seqs, m.UntilMs = r.Seqs, r.Until
	case inbox.KindMute, inbox.KindUnmute:
		m.Category = r.Category
	case inbox.KindJoin, inbox.KindSubscribe, inbox.KindUnsubscribe:
		m.Rule, m.Origin = r.Rule, fromOrigin(r.Origin)
		if r.Kind != inbox.KindJoin {
			m.Topic = r.Topic
		}
	case inbox.KindPrefs, inbox.KindEndpoint, inbox.KindEndpointGone, inbox.KindTell, inbox.KindUntell:
		if err := fromReachRecord(m, r); err != nil {
			return nil, err
		}
	default:
		m.Seqs, m.UpTo, m.Category = r.Seqs, r.UpTo, r.Category
	}
	return marshal("record", m)
}

// formatOf is the first format whose readers do with r what it asks for.
func formatOf(r *inbox.Record) uint32 {
	later := r.Kind > inbox.KindTouch
	switch {
	case r.Kind == inbox.KindNotify:
		later = !r.Notification.DeliverAt.IsZero() || r.Notification.Audience != ""
	case r.Kind == inbox.KindRetract:
		later = r.Retraction.Audience != ""
	case r.Kind.TakesHorizon():
		later = r.UpTo != 0 && len(r.Seqs) > 0
	}
	if later {
		return recordFormat
	}
	return firstFormat
}

// DecodeRecord is the inverse of [EncodeRecord]. Its errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeRecord(b []byte) (inbox.Record, error) {
	var m belfrypb.Record
	if err := unmarshal("record", b, &m, recordFormat); err != nil {
		return inbox.Record{}, err
	}
	r := inbox.Record{Kind: inbox.Kind(m.Kind)}
	// Compared as stored: the conversion may have cut it.
	if belfrypb.Kind(r.Kind) != m.Kind || !r.Kind.Valid() {
		return inbox.Record{}, corrupt("record", "kind %d", m.Kind)
	}
	var err error
	switch r.Kind {
	case inbox.KindNotify:
		if m.Notification == nil {
			return inbox.Record{}, corrupt("record", "notify without a notification")
		}
		if r.Notification, err = toNotification("record", m.Notification); err != nil {
			return inbox.Record{}, err
		}
		r.Rule, r.Silent = m.Rule, m.Silent
		r.Origin, err = toOrigin(m.Origin)
	case inbox.KindRetract:
		if m.Retraction == nil {
			return inbox.Record{}, corrupt("record", "retract without a retraction")
		}
		r.Retraction = belfry.Retraction{
			Source:      m.Retraction.Source,
			ID:          m.Retraction.Id,
			CollapseKey: m.Retraction.CollapseKey,
			Audience:    m.Retraction.Audience,
		}
		r.Rule = m.Rule
		r.Origin, err = toOrigin(m.Origin)
	case inbox.KindErase, inbox.KindTouch:
	case inbox.KindSnooze:
		r.Until = m.UntilMs
		err = checkTime("record", "until", time.UnixMilli(r.Until))
		if len(m.Seqs) > 0 {
			r.Seqs = m.Seqs
		}
	case inbox.KindMute, inbox.KindUnmute:
		r.Category = m.Category
	case inbox.KindJoin, inbox.KindSubscribe, inbox.KindUnsubscribe:
		r.Rule = m.Rule
		if r.Kind != inbox.KindJoin {
			r.Topic = m.Topic
		}
		r.Origin, err = toOrigin(m.Origin)
	case inbox.KindPrefs, inbox.KindEndpoint, inbox.KindEndpointGone, inbox.KindTell, inbox.KindUntell:
		err = toReachRecord(&r, &m)
	default:
		r.UpTo, r.Category = m.UpTo, m.Category
		if len(m.Seqs) > 0 {
			r.Seqs = m.Seqs
		}
	}
	if err != nil {
		return inbox.Record{}, err
	}
	return r, nil
}

func fromOrigin(o inbox.Origin) *belfrypb.Origin {
	if o.IsZero() {
		return nil
	}
	return &belfrypb.Origin{
		TopicId:   o.TopicID[:],
		Partition: o.Partition,
		Rule:      o.Rule,
		Offset:    o.Offset,
		Index:     o.Index,
	}
}

func toOrigin(m *belfrypb.Origin) (inbox.Origin, error) {
	if m == nil {
		return inbox.Origin{}, nil
	}
	o := inbox.Origin{Partition: m.Partition, Rule: m.Rule, Offset: m.Offset, Index: m.Index}
	if len(m.TopicId) != len(o.TopicID) {
		return inbox.Origin{}, corrupt("record", "origin with a topic ID of %d bytes", len(m.TopicId))
	}
	copy(o.TopicID[:], m.TopicId)
	return o, nil
}
