package envelope

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// SchemaID names a schema: by its number in a registry or by its UUID.
type SchemaID struct {
	ID   uint32
	GUID string // "": id counts
	// header says that the id came in a header; then index says where the
	// message stands in a Protobuf file.
	Header bool
	Index  []byte
}

func (r SchemaID) String() string {
	if r.GUID != "" {
		return r.GUID
	}
	return fmt.Sprint(r.ID)
}

// The first byte of a schema's id: Confluent's wire format,
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
const (
	magicID   = 0 // 4 bytes, big-endian, follow
	magicGUID = 1 // 16 bytes follow; only in a header
)

// schemaID finds the id of the schema that a value was written with: in the
// header, then the value is all payload, or in five bytes before it.
func schemaID(value, header []byte) (ref SchemaID, body []byte, framed bool, err error) {
	ref.Header = len(header) > 0
	switch {
	case len(header) >= 17 && header[0] == magicGUID:
		g := header[1:17]
		ref.GUID, ref.Index = fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:]), header[17:]
		return ref, value, true, nil
	case len(header) >= 5 && header[0] == magicID:
		ref.ID, ref.Index = binary.BigEndian.Uint32(header[1:]), header[5:]
		return ref, value, true, nil
	case len(header) > 0:
		return ref, nil, false, belfry.Invalid("", "must have a schema's id in the header __value_schema_id, which has %d other bytes", len(header))
	case len(value) > 0 && value[0] == magicID:
		if len(value) < 5 {
			return ref, nil, false, belfry.Invalid("", "must have 5 bytes with a schema's id before the payload, has %d in all", len(value))
		}
		ref.ID = binary.BigEndian.Uint32(value[1:])
		return ref, value[5:], true, nil
	}
	return ref, nil, false, nil
}

// framed reads what was written with a schema, and returns the full name of its
// type if the schema has one. An object or a list in JSON is recognised by its looks,
// since neither Avro nor Protobuf can look like one: its first byte would be a
// negative length or index.
func (d *decoding) framed(ctx context.Context, ref SchemaID, body []byte) (c content, typeName string, err error) {
	// A blank, though, may be a length: that of a text which is JSON itself.
	if d.schemas == nil || len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		if err := d.turn.Take(len(body)); err != nil {
			return content{}, "", err
		}
		if c, err := d.json(string(body)); err == nil {
			return c, "", nil
		}
	}
	if d.schemas == nil {
		return content{}, "", belfry.Invalid("", "is written with schema %s of a registry, and no registry is asked here: only JSON can be read without", ref)
	}
	c.value, typeName, err = d.schemas.Decode(sources.WithTurn(ctx, d.turn), d.at, ref, body)
	return c, typeName, err
}
