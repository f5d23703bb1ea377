package envelope

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry"
)

// The media types of CloudEvents in the JSON event format.
const (
	EventType = "application/cloudevents+json"
	BatchType = "application/cloudevents-batch+json"
)

// eventVersion is the version of CloudEvents that is read.
const eventVersion = "1.0"

// CloudEvent is a CloudEvent 1.0 whose data is still to be read.
type CloudEvent struct {
	attributes  map[string]string
	contentType string // of data; empty: JSON
	time        time.Time
	data        []byte
}

// StructuredEvent reads a CloudEvent in the JSON event format 1.0.2. Extensions
// are ignored. Errors are a [*belfry.FieldError].
func StructuredEvent(raw []byte) (*CloudEvent, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, belfry.Invalid("", "must be a CloudEvent as a JSON object")
	}
	given := func(name string) bool { return fields[name] != nil && string(fields[name]) != "null" }
	attributes := map[string]string{}
	for _, name := range []string{"specversion", "datacontenttype", "id", "source", "type", "subject", "time", "data_base64"} {
		var text string
		switch raw := fields[name]; {
		case given(name) && json.Unmarshal(raw, &text) != nil:
			return nil, belfry.Invalid(name, "must be a text in quotes")
		case !utf8.Valid(raw):
			return nil, belfry.Invalid(name, "must be UTF-8")
		case name == "specversion" && text != eventVersion:
			return nil, wrongVersion(text)
		case name == "subject" && text != "" && strings.TrimSpace(text) == "":
			return nil, belfry.Invalid(name, "must not be blank in a CloudEvent")
		case name == "data_base64" && given(name) && given("data"):
			return nil, belfry.Invalid(name, "give either data or data_base64, not both")
		}
		attributes[name] = text
	}
	e := &CloudEvent{attributes: attributes, contentType: attributes["datacontenttype"]}
	var err error
	if e.time, err = rfc3339(attributes["time"]); err != nil {
		return nil, belfry.Invalid("", "must be a CloudEvent: time %v", err)
	}
	if given("data") {
		e.data = fields["data"]
	} else if e.data, err = base64.StdEncoding.DecodeString(attributes["data_base64"]); err != nil {
		return nil, belfry.Invalid("", "must be a CloudEvent: data_base64 must be base64")
	}
	return e, nil
}

// BinaryEvent makes a CloudEvent 1.0 of attributes and data that came apart, as
// in the binary mode of the HTTP and Kafka bindings. Extensions are ignored; an
// empty contentType means JSON. Errors are a [*belfry.FieldError] that names the
// attribute.
func BinaryEvent(attributes map[string]string, contentType string, data []byte) (*CloudEvent, error) {
	if v := attributes["specversion"]; v != eventVersion {
		return nil, wrongVersion(v)
	}
	e := &CloudEvent{attributes: map[string]string{"source": attributes["source"]}, contentType: strings.TrimSpace(contentType), data: data}
	for _, name := range []string{"id", "type", "subject"} {
		e.attributes[name] = strings.TrimSpace(attributes[name])
	}
	var err error
	if e.time, err = rfc3339(attributes["time"]); err != nil {
		return nil, belfry.In("time", err)
	}
	return e, nil
}

// rfc3339 reads a time; empty is none, as is what [belfry.NoTime] names.
func rfc3339(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, belfry.Invalid("", "must be a time such as 2026-01-31T09:00:00Z (RFC 3339), not %.40q", text)
	}
	if belfry.NoTime(t) {
		return time.Time{}, nil
	}
	return t, nil
}

// checkEvent checks what CloudEvents 1.0.2 requires, section 3.1.
func checkEvent(attributes map[string]string) error {
	for _, name := range []string{"id", "source", "type"} {
		if strings.TrimSpace(attributes[name]) == "" {
			return belfry.Invalid(name, "is required in a CloudEvent")
		}
	}
	return nil
}

// FromEvent has parse read an event's data, with the event's attributes as the
// defaults: its id, source, type and time serve where the data lacks them, its
// subject where the data names no recipient, and defaults where neither does.
// Errors are a [*belfry.FieldError] whose field is the event's: an attribute, or
// "data." and the field of the data.
func FromEvent(e *CloudEvent, defaults belfry.Notification, parse func([]byte, belfry.Notification) (belfry.Message, error)) (belfry.Message, error) {
	var none belfry.Message
	if err := checkEvent(e.attributes); err != nil {
		return none, err
	}
	source, err := url.Parse(e.attributes["source"])
	switch {
	case err != nil:
		return none, belfry.Invalid("source", "must be a URI reference in a CloudEvent")
	case !isJSON(e.contentType):
		return none, belfry.Invalid("datacontenttype", "must be JSON, since the data is a notification")
	case len(e.data) == 0:
		return none, belfry.Invalid("data", "is required: a notification")
	}
	// In the form that a URI has: what is not ASCII is escaped.
	defaults.ID, defaults.Source, defaults.Type = e.attributes["id"], source.String(), e.attributes["type"]
	if s := e.attributes["subject"]; s != "" {
		defaults.Recipient = s
	}
	if t := e.time.UTC().Truncate(time.Millisecond); !e.time.IsZero() {
		if t.Year() < 1970 || t.Year() > 9999 {
			return none, belfry.Invalid("time", "must be in the years 1970 to 9999")
		}
		defaults.Time = t
	}
	parsed, err := parse(e.data, defaults)
	if err != nil {
		return none, inEvent(err, e)
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
func inEvent(err error, e *CloudEvent) error {
	var fe *belfry.FieldError
	if !errors.As(err, &fe) {
		return err
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(e.data, &fields) // parse has said if it is no object
	attribute := map[string]string{"id": "id", "source": "source", "type": "type", "recipient": "subject"}[fe.Field]
	if raw := fields[fe.Field]; e.attributes[attribute] != "" && (raw == nil || string(raw) == "null") {
		renamed := *fe
		renamed.Field = attribute
		return &renamed
	}
	return belfry.In("data", err)
}

func wrongVersion(v string) error {
	return belfry.Invalid("specversion", "must be %q in a CloudEvent, is %.40q", eventVersion, v)
}
