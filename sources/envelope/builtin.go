package envelope

import (
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
)

// Notifications are the rules of the built-in source: each record says itself
// what it is for whom, see [ParseMessage].
type Notifications struct{}

// Route returns what a record asks for: deliveries that depend on nothing but
// the record. Errors are [belfry.ErrEmpty] or a [*belfry.FieldError].
func (Notifications) Route(r sources.Record) ([]sources.Delivery, error) {
	if len(r.Value) == 0 {
		return nil, belfry.ErrEmpty
	}
	m, err := parseMessage(r.Value, r.Headers, belfry.Notification{
		ID:     r.ID(),
		Source: r.Topic,
		Time:   r.Timestamp.UTC().Truncate(time.Millisecond),
	}, belfry.ParseRecord)
	if err != nil {
		return nil, err
	}
	record := inbox.RecordOf(m)
	record.Origin = r.Origin(0)
	d := sources.Delivery{Recipients: m.Recipients, Record: record}
	for _, err := range m.Omitted {
		d.Omitted = append(d.Omitted, sources.Omission{Field: err.Field, Cause: sources.CauseUnreadable, Err: err})
	}
	if m.Refused != nil {
		d.Refused = m.Refused
	}
	return []sources.Delivery{d}, nil
}
