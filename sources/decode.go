package sources

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/belfry/belfry"
)

// Header is one header of a Kafka record.
type Header struct {
	Key   string
	Value []byte
}

// Decode reads the value of a record of the notifications topic: a
// Notification, a Retraction, or a CloudEvent whose data is one, in structured
// mode (content-type application/cloudevents+json, or JSON with "specversion")
// or in binary mode (headers ce_*), see the CloudEvents Kafka protocol binding
// 1.0.2 section 3. What the JSON lacks is taken from defaults, after the
// event's own attributes. Errors match belfry.ErrInvalid.
func Decode(value []byte, headers []Header, defaults belfry.Notification) (belfry.Message, error) {
	if e, ok := binaryEvent(value, headers); ok {
		return FromCloudEvent(e, defaults)
	}
	if structured(value, headers) {
		var e event.Event
		if err := json.Unmarshal(value, &e); err != nil {
			return belfry.Message{}, &belfry.FieldError{Problem: fmt.Sprintf("not a CloudEvent: %v", err)}
		}
		return FromCloudEvent(e, defaults)
	}
	return belfry.ParseMessage(value, defaults)
}

// FromCloudEvent returns the notifications or retractions in an event's data.
// The event's id, source, type and time serve where the data lacks them, and
// its subject where the data names no recipient.
func FromCloudEvent(e event.Event, defaults belfry.Notification) (belfry.Message, error) {
	if err := e.Validate(); err != nil {
		return belfry.Message{}, &belfry.FieldError{Problem: fmt.Sprintf("not a valid CloudEvent: %v", err)}
	}
	defaults.ID, defaults.Source, defaults.Type = e.ID(), e.Source(), e.Type()
	if s := e.Subject(); s != "" {
		defaults.Recipient = s
	}
	if t := e.Time(); !t.IsZero() {
		defaults.Time = t.UTC()
	}
	message, err := belfry.ParseMessage(e.Data(), defaults)
	return message, belfry.In("data", err)
}

func structured(value []byte, headers []Header) bool {
	for _, h := range headers {
		if strings.EqualFold(h.Key, "content-type") {
			mediaType, _, _ := strings.Cut(string(h.Value), ";")
			return strings.EqualFold(strings.TrimSpace(mediaType), event.ApplicationCloudEventsJSON)
		}
	}
	if !bytes.Contains(value, []byte(`"specversion"`)) {
		return false
	}
	var probe struct {
		SpecVersion string `json:"specversion"`
	}
	return json.Unmarshal(value, &probe) == nil && probe.SpecVersion != ""
}

func binaryEvent(value []byte, headers []Header) (event.Event, bool) {
	attributes := map[string]string{}
	contentType := event.ApplicationJSON
	for _, h := range headers {
		if name, ok := strings.CutPrefix(strings.ToLower(h.Key), "ce_"); ok {
			attributes[name] = string(h.Value)
		} else if strings.EqualFold(h.Key, "content-type") {
			contentType = string(h.Value)
		}
	}
	version := attributes["specversion"]
	if version == "" {
		return event.Event{}, false
	}
	e := event.New(version)
	e.SetDataContentType(contentType)
	for name, v := range attributes {
		switch name {
		case "specversion":
		case "id":
			e.SetID(v)
		case "source":
			e.SetSource(v)
		case "type":
			e.SetType(v)
		case "subject":
			e.SetSubject(v)
		case "dataschema":
			e.SetDataSchema(v)
		case "time":
			setTime(&e, v)
		}
	}
	e.DataEncoded = value
	return e, true
}
