package envelope

import (
	"bytes"
	"encoding/json"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// ParseMessage reads the value of a record of the notifications topic: a
// Notification, a Retraction, or a CloudEvent whose data is one, in structured
// mode (content-type application/cloudevents+json, or JSON with "specversion")
// or in binary mode (headers ce_*); see the CloudEvents Kafka protocol binding
// 1.0.2 section 3. A field that it lacks is taken from defaults. Errors are a
// [*belfry.FieldError].
func ParseMessage(value []byte, headers []sources.Header, defaults belfry.Notification) (belfry.Message, error) {
	return parseMessage(value, headers, defaults, belfry.ParseMessage)
}

func parseMessage(value []byte, headers []sources.Header, defaults belfry.Notification, parse func([]byte, belfry.Notification) (belfry.Message, error)) (belfry.Message, error) {
	h := readHeaders(headers)
	var e *CloudEvent
	var err error
	switch {
	case h.cloudEvent():
		e, err = BinaryEvent(h.attributes, h.contentType, value)
	case h.mediaType() == EventType || looksStructured(value):
		e, err = StructuredEvent(value)
	default:
		return parse(value, defaults)
	}
	if err != nil {
		return belfry.Message{}, err
	}
	return FromEvent(e, defaults, parse)
}

// looksStructured recognises a CloudEvent in the JSON event format by its looks.
func looksStructured(value []byte) bool {
	if !bytes.Contains(value, []byte(`"specversion"`)) {
		return false
	}
	var probe struct {
		SpecVersion string `json:"specversion"`
	}
	return json.Unmarshal(value, &probe) == nil && probe.SpecVersion != ""
}
