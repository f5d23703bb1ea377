package envelope

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// recordHeaders are those of a record that say what is in it. Of a header that
// comes twice the last counts; an attribute of a CloudEvent with two values is a problem.
type recordHeaders struct {
	bytes       int               // of all values
	problem     error             // of an attribute: the first that is not UTF-8, has two values or is one too many
	attributes  map[string]string // of a CloudEvent
	contentType string
	id          string // of Debezium's outbox, among others: see outboxID
	eventType   string
	plainType   string
	javaType    string // __TypeId__ of Spring
	schema      []byte // __value_schema_id of Confluent
	aggregate   bool   // there is one that names an outbox's aggregate
	debezium    bool   // there is one by which Debezium says who it is
}

// maxAttributes is how many attributes a CloudEvent may have: a record has room for
// millions.
const maxAttributes = 1000

// attributePrefixes are those of the attributes of a CloudEvent, the last one
// beating the others where several name one attribute. The Kafka binding (1.0.2
// section 3.2.3.1) has "ce_"; Spring and the SDKs for HTTP write "ce-", bridges from
// AMQP and JMS the other two. Capitals do not count.
var attributePrefixes = [...]string{"cloudEvents_", "cloudEvents:", "ce-", "ce_"}

func readHeaders(headers []sources.Header) recordHeaders {
	var h recordHeaders
	var rank map[string]int
	for _, header := range headers {
		h.bytes += len(header.Value)
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
		case strings.HasPrefix(name, "__debezium."):
			h.debezium = true
		case isAggregate(name):
			h.aggregate = true
		default:
			for i, prefix := range attributePrefixes {
				if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
					continue
				}
				attribute := strings.ToLower(name[len(prefix):])
				if rank == nil {
					rank, h.attributes = map[string]int{}, map[string]string{}
				}
				before, known := rank[attribute]
				if !known && len(rank) >= maxAttributes {
					h.problem = cmp.Or[error](h.problem, &belfry.FieldError{Problem: fmt.Sprintf("a CloudEvent may have at most %d attributes", maxAttributes), TooLarge: true})
					continue
				}
				if known && i == before && utf8.Valid(header.Value) && h.attributes[attribute] != headerText(header.Value) && h.problem == nil {
					h.problem = belfry.Invalid(attribute, "must stand once in a CloudEvent, has two values")
				}
				if i >= before {
					rank[attribute] = i
					h.attribute(attribute, header.Value)
				}
			}
		}
	}
	return h
}

func (h *recordHeaders) attribute(name string, value []byte) {
	if !utf8.Valid(value) {
		// Replaced, two ids that differ would become one.
		if h.problem == nil {
			h.problem = belfry.Invalid(name, "must be UTF-8 in a CloudEvent")
		}
		return
	}
	h.attributes[name] = headerText(value)
}

// isAggregate reports a name that an outbox has for what its events are about:
// aggregateType, aggregate_id and so on. Every field of every event is asked about.
func isAggregate(name string) bool {
	const kind, id = "aggregatetype", "aggregateid"
	isKind, isID, n := true, true, 0
	for i := range len(name) {
		c := name[i]
		if c == '_' || c == '-' {
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		isKind, isID = isKind && n < len(kind) && kind[n] == c, isID && n < len(id) && id[n] == c
		if !isKind && !isID {
			return false
		}
		n++
	}
	return isKind && n == len(kind) || isID && n == len(id)
}

// outboxID returns the header id if it is an event's, that of Debezium's outbox.
// A header of that name alone may be anybody's, of a tenant as well as of a request,
// and events that share it would become one. So two more signs are asked for.
// columns says that the value is one of them: an outbox's further columns stand
// beside its payload.
func (h *recordHeaders) outboxID(topic string, columns bool) string {
	signs := 0
	for _, sign := range []bool{columns, isUUID(h.id), h.eventType != "", h.aggregate, h.debezium, namesOutbox(topic)} {
		if sign {
			signs++
		}
	}
	if signs < 2 {
		return ""
	}
	return h.id
}

// namesOutbox reports a topic with the word "outbox" in its name, as Debezium's
// event router names it unless told otherwise.
func namesOutbox(topic string) bool {
	for word := range strings.FieldsFuncSeq(topic, func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		if strings.EqualFold(word, "outbox") {
			return true
		}
	}
	return false
}

// isUUID reports the text form of a UUID (RFC 9562 section 4).
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
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
	v, err := parse(new(Room), text, reading{})
	if err != nil {
		return text
	}
	if payload, ok := connectPayload(v); ok {
		v = payload
	} else if text[0] == '{' {
		return text
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case json.Number:
		return string(v)
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

// plain reports headers that say nothing of how the value is to be read, nor of an id.
func (h *recordHeaders) plain() bool {
	return h.problem == nil && len(h.attributes) == 0 && h.id == "" && h.schema == nil && !h.structured()
}

// cloudEvent reports a CloudEvent whose attributes are headers.
func (h *recordHeaders) cloudEvent() bool { return h.attributes["specversion"] != "" }

// typeName is the record's type: what its sender has named comes before what a
// serializer has put there.
func (h *recordHeaders) typeName() string {
	return cmp.Or(h.eventType, h.plainType, h.javaType)
}
