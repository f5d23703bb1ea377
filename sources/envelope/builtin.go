package envelope

import (
	"context"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
)

// Notifications are the rules of the built-in source: each record says itself
// what it is for whom, see [Decoder.Messages]. No registry of schemas is asked.
type Notifications struct{}

// Route returns what a record asks for: deliveries that depend on nothing but
// the record. An element of a list that is not valid costs the others nothing; it is
// Refused. Errors are those of [Decoder.Messages], about a record with nothing else.
func (Notifications) Route(r sources.Record) ([]sources.Delivery, error) {
	var out []sources.Delivery
	var failed error
	good := false
	err := NewDecoder(Config{}).each(context.Background(), r, belfry.Notification{
		ID:     r.ID(),
		Source: r.Topic,
		Time:   r.Timestamp.UTC().Truncate(time.Millisecond),
	}, belfry.ParseRecord, true, func(m belfry.Message, err error) error {
		index := int32(len(out))
		out = append(out, deliveryOf(m, err, r, index))
		if err == nil {
			good = true
		} else if failed == nil {
			failed = err
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !good && failed != nil:
		return nil, failed
	}
	return out, nil
}

// deliveryOf returns what a message, the one with that index in its record, asks
// for, or what is wrong with it.
func deliveryOf(m belfry.Message, err error, r sources.Record, index int32) sources.Delivery {
	if err != nil {
		return sources.Delivery{Refused: err}
	}
	d := sources.Delivery{Recipients: m.Recipients, Record: inbox.RecordOf(m)}
	d.Record.Notification.Settle(r.Timestamp)
	d.Record.Origin = r.Origin(0)
	d.Record.Origin.Index = index
	for _, err := range m.Omitted {
		d.Omitted = append(d.Omitted, sources.Omission{Field: err.Field, Cause: sources.CauseUnreadable, Err: err})
	}
	if m.Refused != nil {
		d.Refused = m.Refused
	}
	return d
}
