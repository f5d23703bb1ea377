package codec

import (
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec/belfrypb"
)

// fromNotification is the message of n, without its recipient. It shares the
// maps and bytes of n.
func fromNotification(what string, n *belfry.Notification) (*belfrypb.Notification, error) {
	if !validPriority(n.Priority) {
		return nil, corrupt(what, "priority %d", n.Priority)
	}
	m := &belfrypb.Notification{
		Id:          n.ID,
		Source:      n.Source,
		Type:        n.Type,
		Category:    n.Category,
		Priority:    int32(n.Priority),
		Title:       n.Title,
		Body:        n.Body,
		Url:         n.URL,
		ActorId:     n.Actor.ID,
		ActorName:   n.Actor.Name,
		ActorAvatar: n.Actor.Avatar,
		CollapseKey: n.CollapseKey,
		Audience:    n.Audience,
		Data:        n.Data,
	}
	var err error
	if m.TimeMs, err = fromTime(what, "time", n.Time); err != nil {
		return nil, err
	}
	if m.ExpiresAtMs, err = fromTime(what, "expires_at", n.ExpiresAt); err != nil {
		return nil, err
	}
	if m.DeliverAtMs, err = fromTime(what, "deliver_at", n.DeliverAt); err != nil {
		return nil, err
	}
	setExtra(m, n.Extra)
	return m, nil
}

// toNotification is the inverse of fromNotification. It shares the maps and
// bytes of m.
func toNotification(what string, m *belfrypb.Notification) (belfry.Notification, error) {
	n := belfry.Notification{
		ID:       m.Id,
		Source:   m.Source,
		Type:     m.Type,
		Category: m.Category,
		Priority: belfry.Priority(m.Priority),
		Title:    m.Title,
		Body:     m.Body,
		URL:      m.Url,
		Actor: belfry.Actor{
			ID:     m.ActorId,
			Name:   m.ActorName,
			Avatar: m.ActorAvatar,
		},
		CollapseKey: m.CollapseKey,
		Audience:    m.Audience,
		Extra:       extra(m),
	}
	// Compared as stored: the conversion above may have cut it.
	if m.Priority != int32(n.Priority) || !validPriority(n.Priority) {
		return belfry.Notification{}, corrupt(what, "priority %d", m.Priority)
	}
	if len(m.Data) > 0 {
		n.Data = m.Data
	}
	var err error
	if n.Time, err = toTime(what, "time", m.TimeMs); err != nil {
		return belfry.Notification{}, err
	}
	if n.ExpiresAt, err = toTime(what, "expires_at", m.ExpiresAtMs); err != nil {
		return belfry.Notification{}, err
	}
	if n.DeliverAt, err = toTime(what, "deliver_at", m.DeliverAtMs); err != nil {
		return belfry.Notification{}, err
	}
	return n, nil
}

func validPriority(p belfry.Priority) bool {
	return p >= belfry.PriorityLow && p <= belfry.PriorityUrgent
}

func fromTime(what, field string, t time.Time) (*int64, error) {
	if t.IsZero() {
		return nil, nil
	}
	if err := checkTime(what, field, t); err != nil {
		return nil, err
	}
	ms := t.UnixMilli()
	return &ms, nil
}

func toTime(what, field string, ms *int64) (time.Time, error) {
	if ms == nil {
		return time.Time{}, nil
	}
	t := time.UnixMilli(*ms).UTC()
	return t, checkTime(what, field, t)
}

// checkTime refuses a time that RFC 3339 cannot write in UTC: one such item
// would make every list that holds it impossible to answer.
func checkTime(what, field string, t time.Time) error {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return corrupt(what, "%s in the year %d", field, y)
	}
	return nil
}
