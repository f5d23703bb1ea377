package envelope

import (
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
)

// Notifications are the rules of the built-in source: each record says itself
// what it is for whom, see [Decode].
type Notifications struct{}

// Route returns what a record asks for: deliveries that depend on nothing but
// the record. Errors are [belfry.ErrEmpty] or a [*belfry.FieldError].
func (Notifications) Route(r sources.Record) ([]sources.Delivery, error) {
	if len(r.Value) == 0 {
		return nil, belfry.ErrEmpty
	}
	m, err := ParseMessage(r.Value, r.Headers, belfry.Notification{
		ID:     r.ID(),
		Source: r.Topic,
		Time:   r.Timestamp.UTC().Truncate(time.Millisecond),
	})
	if err != nil {
		return nil, err
	}
	d := sources.Delivery{Record: inbox.Record{Origin: r.Origin(0)}}
	// Those of one message differ in the recipient alone.
	for _, n := range m.Notifications {
		d.Record.Kind, d.Record.Notification = inbox.KindNotify, n
		d.Recipients = append(d.Recipients, n.Recipient)
	}
	for _, t := range m.Retractions {
		d.Record.Kind, d.Record.Retraction = inbox.KindRetract, t
		d.Recipients = append(d.Recipients, t.Recipient)
	}
	return []sources.Delivery{d}, nil
}
