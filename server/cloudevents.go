package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/belfry/belfry"
)

// eventMode returns how to read a request that carries CloudEvents 1.0 over
// HTTP in JSON (CloudEvents HTTP protocol binding, section 3), or nil for one
// that carries none.
func eventMode(h http.Header, mediaType string) func(http.Header, []byte) ([][]belfry.Notification, error) {
	switch {
	case mediaType == cloudevents.ApplicationCloudEventsBatchJSON:
		return func(_ http.Header, body []byte) ([][]belfry.Notification, error) {
			return parseEach(body, structuredEvent)
		}
	case mediaType == cloudevents.ApplicationCloudEventsJSON:
		return func(_ http.Header, body []byte) ([][]belfry.Notification, error) {
			return one(structuredEvent(body))
		}
	case h.Get("Ce-Specversion") != "":
		return func(h http.Header, body []byte) ([][]belfry.Notification, error) {
			return one(binaryEvent(h, body))
		}
	}
	return nil
}

func one(n []belfry.Notification, err error) ([][]belfry.Notification, error) {
	return [][]belfry.Notification{n}, err
}

// structuredEvent reads an event in the JSON event format.
func structuredEvent(raw []byte) ([]belfry.Notification, error) {
	var fields map[string]json.RawMessage
	if err := parseJSON(raw, &fields, "a CloudEvent as a JSON object"); err != nil {
		return nil, err
	}
	normal, err := normalEvent(fields)
	if err != nil {
		return nil, err
	}
	var e cloudevents.Event
	if err := e.UnmarshalJSON(normal); err != nil {
		return nil, eventError(err)
	}
	return notificationsOf(&e)
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
		case name == "specversion" && text != cloudevents.CloudEventsVersionV1:
			return nil, invalid(name, "must be %q, is %.40q", cloudevents.CloudEventsVersionV1, text)
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

// binaryEvent reads an event whose attributes are headers.
func binaryEvent(h http.Header, body []byte) ([]belfry.Notification, error) {
	plain := http.Header{"Content-Type": h.Values("Content-Type")}
	for _, name := range []string{"Specversion", "Id", "Source", "Type", "Subject", "Time", "Dataschema"} {
		if value := h.Get("Ce-" + name); value != "" {
			decoded, err := headerValue(value)
			if err != nil {
				return nil, invalid("ce-"+strings.ToLower(name), "must be percent-encoded UTF-8")
			}
			plain.Set("Ce-"+name, decoded)
		}
	}
	if v := plain.Get("Ce-Specversion"); v != cloudevents.CloudEventsVersionV1 {
		return nil, invalid("ce-specversion", "must be %q, is %.40q", cloudevents.CloudEventsVersionV1, v)
	}
	e, err := cehttp.NewEventFromHTTPRequest(&http.Request{Header: plain, Body: io.NopCloser(bytes.NewReader(body))})
	if err != nil {
		return nil, eventError(err)
	}
	return notificationsOf(e)
}

// headerValue undoes what section 3.1.3.2 of the binding does to a value:
// quotes, then percent-encoding. The SDK leaves that to its caller.
func headerValue(s string) (string, error) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return url.PathUnescape(s)
}

// notificationsOf reads the data of an event as a notification. The event's own
// attributes serve where the data lacks them.
func notificationsOf(e *cloudevents.Event) ([]belfry.Notification, error) {
	if err := e.Validate(); err != nil {
		return nil, eventError(err)
	}
	if t, _, err := mime.ParseMediaType(e.DataContentType()); e.DataContentType() != "" &&
		(err != nil || t != "application/json" && t != "text/json" && !strings.HasSuffix(t, "+json")) {
		return nil, invalid("datacontenttype", "must be JSON, since the data is a notification")
	}
	data := e.Data()
	if len(data) == 0 {
		return nil, invalid("data", "is required: a notification")
	}
	defaults := belfry.Notification{
		ID: e.ID(), Source: e.Source(), Type: e.Type(), Recipient: e.Subject(),
		Time: e.Time().UTC().Truncate(time.Millisecond),
	}
	if e.Time().IsZero() {
		defaults.Time = time.Time{}
	} else if y := defaults.Time.Year(); y < 1970 || y > 9999 {
		return nil, invalid("time", "must be in the years 1970 to 9999")
	}
	sent, err := belfry.ParseNotification(data, defaults)
	if err == nil {
		return sent, nil
	}
	// An error is about the event's attribute if the data has no such field.
	for _, f := range []struct{ field, attribute, value string }{
		{"id", "id", e.ID()}, {"source", "source", e.Source()}, {"type", "type", e.Type()},
		{"recipient", "subject", e.Subject()},
	} {
		inEvent := func() bool { return f.value != "" && !hasField(data, f.field) }
		if renamed := blame(err, f.field, f.attribute, inEvent); renamed != err {
			return nil, renamed
		}
	}
	return nil, belfry.In("data", err)
}

// eventError makes an input error of one of the SDK's, which names the
// attribute only when it validates.
func eventError(err error) error {
	var ve cloudevents.ValidationError
	if errors.As(err, &ve) && len(ve) > 0 {
		name := slices.Min(slices.Collect(maps.Keys(ve)))
		return invalid(name, "%v", ve[name])
	}
	return invalid("", "no CloudEvent: %v", err)
}
