package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/belfry/belfry"
)

// StructuredEvent reads a CloudEvent 1.0 in the JSON event format. Errors are a
// *belfry.FieldError.
func StructuredEvent(raw []byte) (*event.Event, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, invalid("", "must be a CloudEvent as a JSON object")
	}
	normal, err := normalEvent(fields)
	if err != nil {
		return nil, err
	}
	var e event.Event
	if err := e.UnmarshalJSON(normal); err != nil {
		return nil, eventError(err)
	}
	return &e, nil
}

// normalEvent writes an event again in the one form that the SDK reads safely:
// each name once, the version and the data's type first, data_base64 a text.
// Other forms make it panic or use a buffer that it has given back.
func normalEvent(fields map[string]json.RawMessage) ([]byte, error) {
	maps.DeleteFunc(fields, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	// Everything but data is a text, and extensions are of no use here.
	attributes := []string{"specversion", "datacontenttype", "id", "source", "type", "subject", "time", "dataschema", "data_base64"}
	var b bytes.Buffer
	put := func(name string, raw []byte) {
		if b.Len() == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, raw)
	}
	for _, name := range attributes {
		raw, ok := fields[name]
		var text string
		switch {
		case ok && json.Unmarshal(raw, &text) != nil:
			return nil, invalid(name, "must be a text in quotes")
		case name == "specversion" && text != event.CloudEventsVersionV1:
			return nil, wrongVersion(text)
		case name == "datacontenttype" && !ok:
			raw = []byte(`"application/json"`) // what a missing one means
		case name == "data_base64" && ok && fields["data"] != nil:
			return nil, invalid(name, "give either data or data_base64, not both")
		case !ok:
			continue
		}
		put(name, raw)
	}
	if data, ok := fields["data"]; ok {
		put("data", data)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// BinaryEvent makes a CloudEvent 1.0 of attributes and data that came apart, as
// in the binary mode of the HTTP and Kafka bindings. Extensions are ignored; an
// empty contentType means JSON. Errors are a *belfry.FieldError that names the
// attribute.
func BinaryEvent(attributes map[string]string, contentType string, data []byte) (*event.Event, error) {
	if v := attributes["specversion"]; v != event.CloudEventsVersionV1 {
		return nil, wrongVersion(v)
	}
	if contentType == "" {
		contentType = event.ApplicationJSON
	}
	e := event.New(event.CloudEventsVersionV1)
	e.SetDataContentType(contentType)
	e.SetID(attributes["id"])
	e.SetSource(attributes["source"])
	e.SetType(attributes["type"])
	if s := attributes["subject"]; s != "" {
		e.SetSubject(s)
	}
	if s := attributes["time"]; s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return nil, invalid("time", "must be a time such as 2026-01-31T09:00:00Z (RFC 3339), not %.40q", s)
		}
		e.SetTime(t)
	}
	e.DataEncoded = data
	return &e, nil
}

// FromEvent has parse read an event's data, with the event's attributes as the
// defaults: its id, source, type and time serve where the data lacks them, its
// subject where the data names no recipient, and defaults where neither does.
// Errors are a *belfry.FieldError whose field is the event's: an attribute, or
// "data." and the field of the data.
func FromEvent[T any](e *event.Event, defaults belfry.Notification, parse func([]byte, belfry.Notification) (T, error)) (T, error) {
	var none T
	if err := e.Validate(); err != nil {
		return none, eventError(err)
	}
	if !isJSON(e.DataContentType()) {
		return none, invalid("datacontenttype", "must be JSON, since the data is a notification")
	}
	data := e.Data()
	if len(data) == 0 {
		return none, invalid("data", "is required: a notification")
	}
	defaults.ID, defaults.Source, defaults.Type = e.ID(), e.Source(), e.Type()
	if s := e.Subject(); s != "" {
		defaults.Recipient = s
	}
	if t := e.Time().UTC().Truncate(time.Millisecond); !e.Time().IsZero() {
		if t.Year() < 1970 || t.Year() > 9999 {
			return none, invalid("time", "must be in the years 1970 to 9999")
		}
		defaults.Time = t
	}
	parsed, err := parse(data, defaults)
	if err != nil {
		return none, inEvent(err, data, e)
	}
	return parsed, nil
}

func isJSON(contentType string) bool {
	if contentType == "" {
		return true // the JSON event format, section 3.1
	}
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json"))
}

// inEvent says where in the event the value stood that an error is about: in
// the data, or in an attribute if the data has no such field.
func inEvent(err error, data []byte, e *event.Event) error {
	var fe *belfry.FieldError
	if !errors.As(err, &fe) {
		return err
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(data, &fields) // parse has said if it is no object
	attributes := map[string]struct{ name, value string }{
		"id": {"id", e.ID()}, "source": {"source", e.Source()}, "type": {"type", e.Type()}, "recipient": {"subject", e.Subject()},
	}
	if a, ok := attributes[fe.Field]; ok && a.value != "" {
		if raw, has := fields[fe.Field]; !has || string(raw) == "null" {
			renamed := *fe
			renamed.Field = a.name
			return &renamed
		}
	}
	return belfry.In("data", err)
}

func wrongVersion(v string) error {
	return invalid("specversion", "must be %q in a CloudEvent, is %.40q", event.CloudEventsVersionV1, v)
}

// eventError makes an input error of one of the SDK's, which names the
// attribute only when it validates.
func eventError(err error) error {
	var ve event.ValidationError
	if errors.As(err, &ve) && len(ve) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(ve)))
		return invalid(name, "%s in a CloudEvent", strings.ToLower(ve[name].Error()))
	}
	return invalid("", "no CloudEvent: %v", err)
}

func invalid(field, format string, args ...any) error {
	return &belfry.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}
