package envelope

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/times"
)

// structuredRecord reads a value that its content type calls a CloudEvent or,
// though the Kafka binding knows none, a batch of them.
func (d *decoding) structuredRecord(value []byte) ([]sources.Event, error) {
	if len(value) == 0 {
		return nil, belfry.ErrEmpty
	}
	mediaType := d.headers.mediaType()
	batch := mediaType == BatchType
	if !batch && mediaType != EventType && mediaType != "application/cloudevents" {
		return nil, belfry.Invalid("", "must be a CloudEvent in JSON, is %.60q", mediaType)
	}
	c, err := d.json(string(value))
	if err != nil {
		return nil, err
	}
	list, isList := c.value.([]any)
	switch {
	case !batch && !isCloudEvent(c.value):
		return nil, wrongVersion("")
	case batch && !isList:
		return nil, belfry.Invalid("", "must be a list of CloudEvents")
	}
	if batch {
		if i := slices.IndexFunc(list, func(v any) bool { return !isCloudEvent(v) }); i >= 0 {
			return nil, listedAlone.in(i, wrongVersion(""))
		}
	}
	return d.unfold(c, sources.Event{})
}

// binaryRecord reads a CloudEvent whose value is its data. One without bytes
// has none, which is no fault: what it says is in its attributes.
func (d *decoding) binaryRecord(ctx context.Context, value []byte) ([]sources.Event, error) {
	h := &d.headers
	if h.contentType != "" {
		h.attributes["datacontenttype"] = h.contentType
	}
	e, err := d.withAttributes(h.attributes)
	if err != nil || len(value) == 0 {
		return []sources.Event{e}, err
	}
	data, err := d.data(ctx, value)
	if err != nil {
		return nil, belfry.In("data", err)
	}
	return d.unfold(data, e)
}

// isCloudEvent recognises a CloudEvent in the JSON event format by its looks.
func isCloudEvent(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return false
	}
	version, ok := m["specversion"].(string)
	return ok && version != ""
}

// cloudEvent reads one in the JSON event format 1.0.2, and its data as it stands.
func (d *decoding) cloudEvent(c content) (e sources.Event, data content, err error) {
	m := c.value.(map[string]any)
	for _, name := range coreAttributes { // in order: the same event has the same error
		switch m[name].(type) {
		case []any, map[string]any:
			return e, data, belfry.Invalid(name, "must be a text, a number, or true or false in a CloudEvent")
		}
	}
	attributes := make(map[string]string, len(m))
	// An extension of another type is nobody's: it must not cost the event.
	for name, v := range m {
		switch v := v.(type) {
		case nil:
		case string:
			if name != "data" && name != "data_base64" {
				attributes[name] = v
			}
		case bool:
			attributes[name] = strconv.FormatBool(v)
		case int64:
			attributes[name] = strconv.FormatInt(v, 10)
		case uint64:
			attributes[name] = strconv.FormatUint(v, 10)
		case json.Number:
			attributes[name] = string(v)
		}
	}
	delete(attributes, "data")
	delete(attributes, "data_base64")
	if e, err = d.withAttributes(attributes); err != nil {
		return e, data, err
	}
	encoded := m["data_base64"]
	if encoded == nil {
		if _, ok := m["data"]; ok {
			data = c.member("data")
		}
		return e, data, nil
	}
	text, ok := encoded.(string)
	if m["data"] != nil || !ok {
		return e, data, belfry.Invalid("data_base64", "must be a text, and the only data")
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return e, data, belfry.Invalid("data_base64", "must be base64")
	}
	// Values that need a registry are not sent this way.
	if data, err = d.contentValue(decoded, attributes["datacontenttype"]); err != nil {
		return e, data, belfry.In("data_base64", err)
	}
	return e, data, nil
}

// withAttributes returns an event without a value, checked for what CloudEvents
// 1.0.2 section 3.1 requires. No attribute is changed: a blank around an id, or
// another way to write a source, is another one.
func (d *decoding) withAttributes(attributes map[string]string) (sources.Event, error) {
	if v := attributes["specversion"]; v != eventVersion {
		return sources.Event{}, wrongVersion(v)
	}
	if err := checkEvent(attributes); err != nil {
		return sources.Event{}, err
	}
	e := sources.Event{ID: attributes["id"], Source: attributes["source"], Type: attributes["type"], Subject: attributes["subject"], Attributes: attributes}
	if text := attributes["time"]; text != "" {
		switch t, none, err := times.Parse(text, d.zone); {
		case err != nil:
			e.TimeErr = belfry.In("time", err)
		case !none && t.Year() < 1970:
			e.TimeErr = belfry.Invalid("time", "must be in the years 1970 to 9999")
		case !none:
			e.Time = t
		}
	}
	return e, nil
}

// data reads a binary event's data; it may stand in a frame.
func (d *decoding) data(ctx context.Context, data []byte) (content, error) {
	id, body, framed, err := schemaID(data, d.headers.schema)
	switch {
	case err != nil:
		return content{}, err
	case framed:
		c, _, err := d.framed(ctx, id, body)
		return c, err
	}
	return d.contentValue(data, d.headers.contentType)
}

// contentValue reads data of a content type; none means JSON.
func (d *decoding) contentValue(data []byte, contentType string) (content, error) {
	if isJSON(contentType) {
		return d.json(string(data))
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return content{}, belfry.Invalid("", "must be of a content type such as application/json, is of %.60q", contentType)
	}
	if !strings.HasPrefix(mediaType, "text/") && mediaType != "application/xml" && !strings.HasSuffix(mediaType, "+xml") {
		return content{}, belfry.Invalid("", "must be JSON or text, is %.60q", mediaType)
	}
	if !utf8.Valid(data) {
		return content{}, belfry.Invalid("", "must be UTF-8")
	}
	return content{value: string(data)}, nil
}

// eventTime is a time in milliseconds since 1970, zero if v is none.
func eventTime(v any) time.Time {
	ms, ok := v.(int64)
	if t := time.UnixMilli(ms).UTC(); ok && ms > 0 && t.Year() <= 9999 {
		return t
	}
	return time.Time{}
}
