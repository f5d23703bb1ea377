package envelope

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// Parse reads a message in JSON; what that lacks is taken from defaults. It is
// [belfry.ParseMessage], or one that knows notifications or retractions alone.
type Parse func(data []byte, defaults belfry.Notification) (belfry.Message, error)

// Messages reads the notifications and retractions that a record carries, in all
// that [Decoder.Decode] reads: each event is one, or a CloudEvent whose data is one.
// A field that it lacks is taken from the CloudEvent, then from defaults. In a list
// the default id has the index behind it: the events of a record stay apart.
// All are good, or there is an error: one of Decode, or of one of them, whose place
// in the list is named.
func (d *Decoder) Messages(ctx context.Context, r sources.Record, defaults belfry.Notification, parse Parse) ([]belfry.Message, error) {
	var out []belfry.Message
	err := d.each(ctx, r, defaults, parse, false, func(m belfry.Message, err error) error {
		out = append(out, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// each calls take for each message of a record, or with what is wrong with it,
// until take returns an error. Lenient: a message can do without the CloudEvent's
// time.
func (d *Decoder) each(ctx context.Context, r sources.Record, defaults belfry.Notification, parse Parse, lenient bool, take func(belfry.Message, error) error) error {
	headers := readHeaders(r.Headers)
	if headers.plain() && isPlain(r.Value) {
		// An error is told below, in the words for all.
		if m, err := parse(r.Value, defaults); err == nil {
			return take(m, nil)
		}
	}
	events, listed, err := d.decode(ctx, r, headers, true, !lenient)
	if err != nil {
		return err
	}
	for i := range events {
		own := defaults
		if listed != notListed && own.ID != "" {
			own.ID += "/" + strconv.Itoa(i)
		}
		m, err := belfry.Message{}, events[i].TimeErr
		if err == nil || lenient {
			m, err = message(&events[i], listed.data(i), own, parse)
		}
		if m.Refused != nil {
			errors.As(listed.in(i, m.Refused), &m.Refused)
		}
		if err := take(m, listed.in(i, err)); err != nil {
			return err
		}
	}
	return nil
}

// maxPlainBytes keeps a plain value within what [Room] has for any JSON of that length.
const maxPlainBytes = 64 << 10

// isPlain reports a value that is a JSON object as it stands, if it is JSON at all: no
// CloudEvent, and with nothing in it that a decoder reads otherwise than the parser of
// messages does. Most records are so, and need not be decoded before they are parsed.
// Kafka Connect's envelope is no message, and so is decoded in the end.
func isPlain(value []byte) bool {
	return len(value) <= maxPlainBytes && len(value) > 0 && value[0] == '{' &&
		bytes.Count(value, []byte{'{'})+bytes.Count(value, []byte{'['}) <= MaxDepth &&
		!bytes.Contains(value, []byte("specversion")) && !bytes.Contains(value, []byte(`\u`)) && utf8.Valid(value)
}

// message reads one event; data is where that of a CloudEvent stands.
func message(e *sources.Event, data string, defaults belfry.Notification, parse Parse) (belfry.Message, error) {
	if e.Attributes != nil {
		return ofCloudEvent(e, data, defaults, parse)
	}
	if e.ID != "" {
		defaults.ID = e.ID
	}
	text, err := textOf(e)
	if err != nil {
		return belfry.Message{}, err
	}
	return parse(text, defaults)
}
