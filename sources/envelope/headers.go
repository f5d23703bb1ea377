package envelope

import (
	"strings"
	"unicode/utf8"

	"github.com/belfry/belfry/sources"
)

// recordHeaders are those of a record that say what is in it. Of a header that
// comes twice the last counts.
type recordHeaders struct {
	attributes  map[string]string // of a CloudEvent, from ce_*
	contentType string
	id          string // of Debezium's outbox
	eventType   string
	plainType   string
	javaType    string // __TypeId__ of Spring
	schema      []byte // __value_schema_id of Confluent
}

func readHeaders(headers []sources.Header) (recordHeaders, error) {
	var h recordHeaders
	for i := range headers {
		var to *string
		switch name := headers[i].Key; name {
		case "id":
			to = &h.id
		case "eventType":
			to = &h.eventType
		case "type":
			to = &h.plainType
		case "__TypeId__":
			to = &h.javaType
		case "__value_schema_id":
			h.schema = headers[i].Value
			continue
		default:
			switch {
			case strings.EqualFold(name, "content-type"):
				to = &h.contentType
			case len(name) > len("ce_") && strings.EqualFold(name[:len("ce_")], "ce_"):
				if err := h.attribute(strings.ToLower(name[len("ce_"):]), headers[i].Value); err != nil {
					return h, err
				}
				continue
			default:
				continue
			}
		}
		*to = headerText(headers[i].Value)
	}
	return h, nil
}

func (h *recordHeaders) attribute(name string, value []byte) error {
	if !utf8.Valid(value) {
		return invalid(name, "must be UTF-8 in a CloudEvent")
	}
	if h.attributes == nil {
		h.attributes = map[string]string{}
	}
	h.attributes[name] = string(value)
	return nil
}

// headerText reads a header as text: as it stands, or as Kafka Connect's JSON
// converter writes it, in quotes or in {"schema", "payload"}. What is no UTF-8
// is no text.
func headerText(value []byte) string {
	if !utf8.Valid(value) {
		return ""
	}
	text := string(value)
	if len(text) < 2 || text[0] != '"' && text[0] != '{' {
		return text
	}
	v, err := parseText(text)
	if err != nil {
		return text
	}
	if payload, ok := connectPayload(v); ok {
		v = payload
	}
	if inner, ok := v.(string); ok {
		return inner
	}
	return text
}

// structured reports a whole CloudEvent, or several, in the value: CloudEvents
// Kafka protocol binding 1.0.2, section 3.
func (h *recordHeaders) structured() bool {
	const prefix = "application/cloudevents"
	t := strings.TrimLeft(h.contentType, " ")
	return len(t) >= len(prefix) && strings.EqualFold(t[:len(prefix)], prefix)
}

// cloudEvent reports a CloudEvent whose attributes are headers.
func (h *recordHeaders) cloudEvent() bool { return h.attributes["specversion"] != "" }

// typeName is the record's type: what its sender has named comes before what a
// serializer has put there.
func (h *recordHeaders) typeName() string {
	switch {
	case h.eventType != "":
		return h.eventType
	case h.plainType != "":
		return h.plainType
	}
	return h.javaType
}
