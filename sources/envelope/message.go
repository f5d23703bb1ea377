package envelope

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// Decode reads the value of a record of the notifications topic: a
// Notification, a Retraction, or a CloudEvent whose data is one, in structured
// mode (content-type application/cloudevents+json, or JSON with "specversion")
// or in binary mode (headers ce_*); see the CloudEvents Kafka protocol binding
// 1.0.2 section 3. What it lacks is taken from defaults. Errors are a
// *belfry.FieldError.
func ParseMessage(value []byte, headers []sources.Header, defaults belfry.Notification) (belfry.Message, error) {
	attributes, contentType := eventHeaders(headers)
	switch {
	case attributes["specversion"] != "":
		e, err := BinaryEvent(attributes, contentType, value)
		if err != nil {
			return belfry.Message{}, err
		}
		return FromEvent(e, defaults, belfry.ParseMessage)
	case isStructured(value, contentType):
		e, err := StructuredEvent(value)
		if err != nil {
			return belfry.Message{}, err
		}
		return FromEvent(e, defaults, belfry.ParseMessage)
	}
	return belfry.ParseMessage(value, defaults)
}

// eventHeaders returns a record's CloudEvents attributes and its content type;
// of a header that comes twice the last counts.
func eventHeaders(headers []sources.Header) (attributes map[string]string, contentType string) {
	for _, h := range headers {
		name := strings.ToLower(h.Key)
		if name == "content-type" {
			contentType = string(h.Value)
		}
		if attribute, ok := strings.CutPrefix(name, "ce_"); ok {
			if attributes == nil {
				attributes = map[string]string{}
			}
			attributes[attribute] = string(h.Value)
		}
	}
	return attributes, contentType
}

func isStructured(value []byte, contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	if strings.EqualFold(strings.TrimSpace(mediaType), event.ApplicationCloudEventsJSON) {
		return true
	}
	if !bytes.Contains(value, []byte(`"specversion"`)) {
		return false
	}
	var probe struct {
		SpecVersion string `json:"specversion"`
	}
	return json.Unmarshal(value, &probe) == nil && probe.SpecVersion != ""
}
