package envelope

import (
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// The media types of CloudEvents in the JSON event format.
const (
	EventType = "application/cloudevents+json"
	BatchType = "application/cloudevents-batch+json"
)

// eventVersion is the version of CloudEvents that is read.
const eventVersion = "1.0"

// coreAttributes are those that CloudEvents 1.0.2 names; all others are extensions.
var coreAttributes = [...]string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}

// audienceAttribute is an extension of ours: whom a notice is for.
const audienceAttribute = "audience"

// checkEvent checks what CloudEvents 1.0.2 requires, section 3.1.
func checkEvent(attributes map[string]string) error {
	for _, name := range []string{"id", "source", "type"} {
		if strings.TrimSpace(attributes[name]) == "" {
			return belfry.Invalid(name, "is required in a CloudEvent")
		}
	}
	for _, name := range []string{"id", "source", "type", "subject"} {
		if !utf8.ValidString(attributes[name]) {
			return belfry.Invalid(name, "must be UTF-8 in a CloudEvent, without half of a surrogate pair")
		}
	}
	return nil
}

// ofCloudEvent has parse read an event's data, with the event's attributes as the
// defaults: its id, source, type and time serve where the data lacks them, its
// subject or its extension audience where the data names nobody, and defaults where neither does.
// Errors are a [*belfry.FieldError] whose field is the event's: an attribute, or
// one of what stands at data.
func ofCloudEvent(e *sources.Event, data string, defaults belfry.Notification, parse Parse) (belfry.Message, error) {
	var none belfry.Message
	_, isObject := e.Value.(map[string]any)
	_, sourceErr := url.Parse(e.Source)
	switch contentType := e.Attributes["datacontenttype"]; {
	case sourceErr != nil:
		return none, belfry.Invalid("source", "must be a URI reference in a CloudEvent")
	case !isObject && !isJSON(contentType):
		return none, belfry.Invalid("datacontenttype", "must be JSON, since the data is a notification")
	case e.Value == nil:
		return none, belfry.Invalid(data, "is required: a notification")
	}
	defaults.ID, defaults.Source, defaults.Type = e.ID, e.Source, e.Type
	if strings.TrimSpace(e.Subject) != "" {
		defaults.Recipient = e.Subject
	}
	if audience := e.Attributes[audienceAttribute]; audience != "" {
		defaults.Audience = audience // then a subject is what it is about
	}
	if !e.Time.IsZero() {
		defaults.Time = e.Time.UTC().Truncate(time.Millisecond)
	}
	text, err := textOf(e)
	if err != nil {
		return none, err
	}
	parsed, err := parse(text, defaults)
	if err != nil {
		return none, inEvent(err, data, e)
	}
	if unread, ok := errors.AsType[*belfry.FieldError](e.TimeErr); ok {
		parsed.Omitted = append(parsed.Omitted, unread)
	}
	if parsed.Refused != nil {
		errors.As(inEvent(parsed.Refused, data, e), &parsed.Refused)
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
func inEvent(err error, data string, e *sources.Event) error {
	var fe *belfry.FieldError
	if !errors.As(err, &fe) {
		return err
	}
	fields, _ := e.Value.(map[string]any)
	attribute := map[string]string{"id": "id", "source": "source", "type": "type", "recipient": "subject", "audience": audienceAttribute}[fe.Field]
	if e.Attributes[attribute] != "" && fields[fe.Field] == nil {
		renamed := *fe
		renamed.Field = attribute
		return &renamed
	}
	return belfry.In(data, err)
}

func wrongVersion(v string) error {
	return belfry.Invalid("specversion", "must be %q in a CloudEvent, is %.40q", eventVersion, v)
}

// textOf returns the JSON of an event's value.
func textOf(e *sources.Event) ([]byte, error) {
	if e.Text != "" {
		return []byte(e.Text), nil
	}
	return json.Marshal(e.Value)
}
