package envelope

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// recordHeaders are those of a record that say what is in it. Of a header that
// comes twice the last counts.
type recordHeaders struct {
	problem     error             // of an attribute: the first that is not UTF-8
	attributes  map[string]string // of a CloudEvent, from ce_*
	contentType string
	id          string // of Debezium's outbox
	eventType   string
	plainType   string
	javaType    string // __TypeId__ of Spring
	schema      []byte // __value_schema_id of Confluent
}

func readHeaders(headers []sources.Header) recordHeaders {
	var h recordHeaders
	for _, header := range headers {
		switch name := header.Key; {
		case name == "id":
			h.id = headerText(header.Value)
		case name == "eventType":
			h.eventType = headerText(header.Value)
		case name == "type":
			h.plainType = headerText(header.Value)
		case name == "__TypeId__":
			h.javaType = headerText(header.Value)
		case name == "__value_schema_id":
			h.schema = header.Value
		case strings.EqualFold(name, "content-type"):
			h.contentType = headerText(header.Value)
		case len(name) > len("ce_") && strings.EqualFold(name[:len("ce_")], "ce_"):
			h.attribute(strings.ToLower(name[len("ce_"):]), header.Value)
		}
	}
	return h
}

func (h *recordHeaders) attribute(name string, value []byte) {
	if !utf8.Valid(value) && h.problem == nil {
		h.problem = belfry.Invalid(name, "must be UTF-8 in a CloudEvent")
	}
	if h.attributes == nil {
		h.attributes = map[string]string{}
	}
	h.attributes[name] = string(value)
}

// headerText reads a header as text: as it stands, or as Kafka Connect's JSON
// converter writes it, in quotes or in {"schema", "payload"}. A value that is
// not UTF-8 is no text.
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

// mediaType is the content type without its parameters, in lower case.
func (h *recordHeaders) mediaType() string {
	mediaType, _, _ := strings.Cut(h.contentType, ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
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
	return cmp.Or(h.eventType, h.plainType, h.javaType)
}
