package envelope

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// Config says what a [Decoder] works with.
type Config struct {
	// Schemas reads values in Avro and Protobuf; nil: there is no registry.
	Schemas Schemas
	// Location is the zone of times that name none; nil: UTC.
	Location *time.Location
}

// Schemas reads values that were written with a schema of a registry. It is
// safe for concurrent use.
type Schemas interface {
	// Decode returns the value, in the form of [sources.Event.Value], and the full name
	// of its type if the schema has one. Errors are [sources.ErrUnavailable], the
	// context's, and a [*belfry.FieldError].
	Decode(ctx context.Context, id SchemaID, body []byte) (v any, typeName string, err error)
}

// Decoder reads records that others have written, whatever they are wrapped in.
// It may be used concurrently.
type Decoder struct {
	zone    *time.Location
	schemas Schemas // nil: no registry
}

// NewDecoder returns a decoder.
func NewDecoder(c Config) *Decoder {
	return &Decoder{zone: cmp.Or(c.Location, time.UTC), schemas: c.Schemas}
}

// Decode returns the events that a record carries. It looks, in this order, for
//
//   - a CloudEvent, structured, binary, or a batch of them: its data is the
//     value, its attributes are the event's;
//   - a schema's id, in five bytes before the value or in a header (Confluent):
//     JSON needs no registry, Avro and Protobuf do;
//   - JSON;
//   - JSON in a JSON text, once, in an outbox's twice;
//   - Debezium: {"schema", "payload"} stands for its payload, and a change
//     ({"before", "after", "source", "op"}) stays as it is, with the type
//     "<table>.<op>";
//   - a list, which is as many events as it has elements, none if it is empty;
//     a CloudEvent in a list is one event, whatever its data.
//
// The type of what is no CloudEvent is that of the header eventType, type or
// __TypeId__, in this order, else the full name of the Avro record or Protobuf
// message; its ID is that of the header id.
//
// Errors: [belfry.ErrEmpty] for a value without bytes or null, [sources.ErrUnavailable],
// the context's, and a [*belfry.FieldError] for all that will not get better.
func (d *Decoder) Decode(ctx context.Context, r sources.Record) ([]sources.Event, error) {
	if len(r.Value) > MaxValueBytes {
		return nil, longValue(len(r.Value))
	}
	h := readHeaders(r.Headers)
	if h.problem != nil {
		return nil, h.problem
	}
	if h.structured() {
		return d.structuredRecord(r.Value, h)
	}
	if h.cloudEvent() {
		return d.binaryRecord(ctx, r.Value, h)
	}
	if len(r.Value) == 0 {
		return nil, belfry.ErrEmpty
	}
	v, typeName, err := d.value(ctx, r.Value, h)
	if err != nil {
		return nil, err
	}
	events, err := d.unfold(v, sources.Event{ID: h.id, Type: h.typeName()}, h.id != "")
	for i := range events {
		if events[i].Type == "" {
			events[i].Type = typeName
		}
	}
	return events, err
}

// value reads what stands in a frame, or JSON; typeName is the schema's.
func (d *Decoder) value(ctx context.Context, value []byte, h recordHeaders) (v any, typeName string, err error) {
	id, body, framed, err := schemaID(value, h.schema)
	switch {
	case err != nil:
		return nil, "", err
	case framed:
		return d.framed(ctx, id, body)
	}
	v, err = ParseJSON(value)
	if err != nil && !looksLikeText(value) {
		err = belfry.Invalid("", "must be JSON, CloudEvents, or Avro or Protobuf with a schema's id, not other bytes")
	}
	return v, "", err
}

// looksLikeText distinguishes broken JSON from bytes of another format.
func looksLikeText(value []byte) bool {
	start := value[:min(len(value), 64)]
	return !bytes.ContainsFunc(start, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) })
}

// unfold returns the events of a decoded value; e is what its envelope says.
func (d *Decoder) unfold(v any, e sources.Event, outbox bool) ([]sources.Event, error) {
	v = unwrap(v, outbox)
	if isCloudEvent(v) && e.Attributes == nil {
		inner, err := d.cloudEvent(v.(map[string]any), e)
		if err != nil {
			return nil, err
		}
		return d.unfold(inner.Value, inner, false)
	}
	list, ok := v.([]any)
	switch {
	case !ok && v == nil && e.Attributes == nil:
		return nil, belfry.ErrEmpty
	case !ok:
		return []sources.Event{describe(v, e, outbox)}, nil
	case len(list) > MaxEvents:
		return nil, &belfry.FieldError{TooLarge: true, Problem: fmt.Sprintf("must be a list of at most %d events, has %d", MaxEvents, len(list))}
	}
	events := make([]sources.Event, 0, len(list))
	for i, v := range list {
		one, err := d.element(v, e, outbox)
		if err != nil {
			return nil, belfry.In(fmt.Sprintf("[%d]", i), err)
		}
		one.Index = i
		events = append(events, one)
	}
	return events, nil
}

func (d *Decoder) element(v any, e sources.Event, outbox bool) (sources.Event, error) {
	v = unwrap(v, outbox)
	if isCloudEvent(v) && e.Attributes == nil {
		inner, err := d.cloudEvent(v.(map[string]any), e)
		if err != nil {
			return sources.Event{}, err
		}
		return describe(unwrap(inner.Value, false), inner, false), nil
	}
	return describe(v, e, outbox), nil
}

// unwrap takes a value out of Debezium's and Kafka Connect's {"schema",
// "payload"} and out of a JSON text, an outbox's out of two.
func unwrap(v any, outbox bool) any {
	levels := 1
	if outbox {
		levels = 2
	}
	v = unwrapText(v, levels)
	if payload, ok := connectPayload(v); ok {
		return unwrapText(payload, 2)
	}
	return v
}

// unwrapText returns the object or list that is written in a text as JSON, or in
// a text in that text and so on. Any other text is itself.
func unwrapText(v any, levels int) any {
	text, ok := v.(string)
	if !ok || levels == 0 {
		return v
	}
	inner := strings.TrimLeft(text, " \t\r\n\ufeff")
	if inner == "" || !strings.ContainsRune(`{["`, rune(inner[0])) {
		return v
	}
	parsed, err := parseText(inner)
	if err != nil {
		return v
	}
	parsed = unwrapText(parsed, levels-1)
	if _, ok := parsed.(string); ok {
		return v
	}
	return parsed
}
