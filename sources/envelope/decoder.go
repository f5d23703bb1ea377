package envelope

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
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
	// of its type if the schema has one. Partitions do not pay for each other: at is
	// where the record stands. Errors are [sources.ErrUnavailable], the context's, and
	// a [*belfry.FieldError].
	Decode(ctx context.Context, at Place, id SchemaID, body []byte) (v any, typeName string, err error)
}

// Place is the partition that a record stands in.
type Place struct {
	Topic     string
	Partition int32
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
//   - JSON in a JSON text, and in a text in that;
//   - Debezium: {"schema", "payload"} stands for its payload, and a change
//     ({"before", "after", "source", "op"}) stays as it is, with the type
//     "<table>.<op>";
//   - a list, which is as many events as it has elements, none if it is empty;
//     a CloudEvent in a list is one event, whatever its data.
//
// The type of what is no CloudEvent is that of the header eventType, type or
// __TypeId__, in this order, else the full name of the Avro record or Protobuf
// message; its ID is that of the header id of an outbox's record, which more than
// that header shows to be one. Of an ID that several events of a list share, all
// but the first have their index behind it.
//
// Errors: [belfry.ErrEmpty] for a value without bytes, [belfry.ErrTombstone] for one
// that is null in whatever it is wrapped, [sources.ErrUnavailable], the context's,
// and a [*belfry.FieldError] for all that will not get better.
func (d *Decoder) Decode(ctx context.Context, r sources.Record) ([]sources.Event, error) {
	events, _, err := d.decode(ctx, r, readHeaders(r.Headers), false, false)
	return events, err
}

// decoding is the reading of one record.
type decoding struct {
	*Decoder
	at      Place
	headers recordHeaders
	turn    *sources.Turn // taken before anything is decoded
	texts   bool          // events have a Text
	whole   bool          // what is too long is refused before it is read
	room    Room          // of all JSON in it, texts within texts too
	listed  listed
}

// listed says where a list stood that events are the elements of.
type listed uint8

const (
	notListed    listed = iota
	listedAlone         // the value is the list
	listedAsData        // a CloudEvent's data is
)

// in names the place of event i before the field of an error about it.
func (l listed) in(i int, err error) error {
	if l == listedAlone {
		return belfry.In(index(i), err)
	}
	return err
}

// data is where the data of event i stands, if it is a CloudEvent.
func (l listed) data(i int) string {
	if l == listedAsData {
		return "data" + index(i)
	}
	return "data"
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// decode is Decode of a record with those headers; with texts the events of JSON
// have their Text; whole: a call is refused whole, and before all of it is read.
func (d *Decoder) decode(ctx context.Context, r sources.Record, headers recordHeaders, texts, whole bool) ([]sources.Event, listed, error) {
	if len(r.Value) > MaxValueBytes {
		return nil, notListed, longValue(len(r.Value))
	}
	if err := r.Turn.Take(headers.bytes); err != nil {
		return nil, notListed, err
	}
	one := &decoding{Decoder: d, at: Place{r.Topic, r.Partition}, headers: headers, turn: r.Turn, texts: texts, whole: whole}
	events, err := one.events(ctx, r.Value)
	return events, one.listed, err
}

func (d *decoding) events(ctx context.Context, value []byte) ([]sources.Event, error) {
	switch {
	case d.headers.problem != nil:
		return nil, d.headers.problem
	case d.headers.structured():
		return d.structuredRecord(value)
	case d.headers.cloudEvent():
		return d.binaryRecord(ctx, value)
	case len(value) == 0:
		return nil, belfry.ErrEmpty
	}
	c, typeName, err := d.value(ctx, value)
	if err != nil {
		return nil, err
	}
	events, err := d.unfold(c, sources.Event{Type: d.headers.typeName()})
	for i := range events {
		if events[i].Type == "" {
			events[i].Type = typeName
		}
	}
	return events, err
}

// value reads what stands in a frame, or JSON; typeName is the schema's.
func (d *decoding) value(ctx context.Context, value []byte) (c content, typeName string, err error) {
	id, body, framed, err := schemaID(value, d.headers.schema)
	switch {
	case err != nil:
		return content{}, "", err
	case framed:
		return d.framed(ctx, id, body)
	}
	c, err = d.json(string(value))
	if err != nil && !looksLikeText(value) {
		err = belfry.Invalid("", "must be JSON, CloudEvents, or Avro or Protobuf with a schema's id, not other bytes")
	}
	return c, "", err
}

// looksLikeText distinguishes broken JSON from bytes of another format.
func looksLikeText(value []byte) bool {
	start := value[:min(len(value), 64)]
	return !bytes.ContainsFunc(start, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) })
}

// unfold returns the events of a decoded value; e is what its envelope says.
func (d *decoding) unfold(c content, e sources.Event) ([]sources.Event, error) {
	c = d.unwrap(c)
	if isCloudEvent(c.value) && e.Attributes == nil {
		inner, data, err := d.cloudEvent(c)
		if err != nil {
			return nil, err
		}
		return d.unfold(data, inner)
	}
	list, ok := c.value.([]any)
	switch {
	case !ok && c.value == nil && e.Attributes == nil:
		return nil, belfry.ErrTombstone
	case !ok:
		return []sources.Event{d.describe(c, e)}, nil
	case len(list) > MaxEvents:
		return nil, tooManyEvents()
	}
	d.listed = listedAlone
	if e.Attributes != nil {
		d.listed = listedAsData
	}
	events := make([]sources.Event, 0, len(list))
	for i, element := range c.elements() {
		one, err := d.element(element, e, i)
		if err != nil {
			return nil, d.listed.in(i, err)
		}
		events = append(events, one)
	}
	return events, nil
}

func tooManyEvents() error {
	return &belfry.FieldError{TooLarge: true, Problem: fmt.Sprintf("must be a list of at most %d events", MaxEvents)}
}

// element reads an element of a list, whose envelope says e.
func (d *decoding) element(c content, e sources.Event, at int) (one sources.Event, err error) {
	c = d.unwrap(c)
	if isCloudEvent(c.value) && e.Attributes == nil {
		var data content
		if one, data, err = d.cloudEvent(c); err != nil {
			return one, err
		}
		one = d.describe(d.unwrap(data), one)
	} else {
		one = d.describe(c, e)
		if one.ID != "" && at > 0 {
			one.ID += "/" + strconv.Itoa(at)
		}
	}
	one.Index = at
	return one, nil
}
