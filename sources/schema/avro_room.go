package schema

import (
	"encoding/binary"

	"github.com/twmb/avro"

	"github.com/belfry/belfry/sources/envelope"
)

// avroRoom counts what a value of a schema will take, before it is decoded. A value
// that is not valid, or of a kind that it does not know, is left to the library.
type avroRoom struct {
	room  *envelope.Room
	types map[string]*avro.SchemaNode // by their full names
	body  []byte
	valid bool // as far as it is read
}

// avroTypesOf collects the named types of a schema.
func avroTypesOf(n *avro.SchemaNode, types map[string]*avro.SchemaNode) {
	if n == nil {
		return
	}
	if name := avroName(n); name != "" && name != n.Type {
		if types[name] != nil {
			return
		}
		types[name] = n
	}
	for i := range n.Fields {
		avroTypesOf(&n.Fields[i].Type, types)
	}
	avroTypesOf(n.Items, types)
	avroTypesOf(n.Values, types)
	for i := range n.Branches {
		avroTypesOf(&n.Branches[i], types)
	}
}

func (a *avroRoom) value(n *avro.SchemaNode, depth int) error {
	if err := a.room.Take(envelope.ValueBytes); err != nil {
		return err
	}
	if depth > 4*envelope.MaxDepth || n == nil {
		a.valid = false
	}
	if !a.valid {
		return nil
	}
	switch n.Type {
	case "null":
	case "boolean":
		a.skip(1)
	case "int", "long", "enum":
		a.varint()
	case "float":
		a.skip(4)
	case "double":
		a.skip(8)
	case "bytes", "string":
		size := a.length()
		a.skip(size)
		return a.bytes(n, size)
	case "fixed":
		a.skip(n.Size)
		return a.bytes(n, n.Size)
	case "array", "map":
		return a.blocks(n, depth)
	case "union":
		if i := a.varint(); i >= 0 && i < int64(len(n.Branches)) {
			return a.value(&n.Branches[i], depth+1)
		}
		a.valid = false
	case "record", "error":
		if err := a.room.Take(envelope.ObjectBytes); err != nil {
			return err
		}
		for i := range n.Fields {
			if err := a.value(&n.Fields[i].Type, depth+1); err != nil || !a.valid {
				return err
			}
		}
	default:
		named := a.types[avroName(n)]
		if named == nil || named == n {
			a.valid = false
			return nil
		}
		return a.value(named, depth+1)
	}
	return nil
}

// digitBytes is counted for each digit behind the point of a decimal, which is written out:
// for its text, and for the time that it takes to make it.
const digitBytes = 4

// digitsOf is how many digits a scale adds to a decimal, zeros before the point included; one
// of more than maxDigits is refused.
func digitsOf(scale int) int { return min(max(scale, -scale, 0), maxDigits) }

// bytes counts a value of so many, or the decimal that they are.
func (a *avroRoom) bytes(n *avro.SchemaNode, size int) error {
	if err := a.room.Times(size, 3); err != nil || n.LogicalType != "decimal" {
		return err
	}
	return a.room.Times(digitsOf(n.Scale), digitBytes)
}

// blocks are those of an array or a map.
func (a *avroRoom) blocks(n *avro.SchemaNode, depth int) error {
	each := n.Items
	if n.Type == "map" {
		each = n.Values
		if err := a.room.Take(envelope.ObjectBytes); err != nil {
			return err
		}
	}
	for a.valid {
		count := a.varint()
		if count < 0 {
			count = -count
			a.varint() // the block's size
		}
		if count <= 0 {
			return nil
		}
		for ; count > 0 && a.valid; count-- {
			if n.Type == "map" {
				size := a.length()
				a.skip(size)
				if err := a.room.Take(envelope.ValueBytes + size); err != nil {
					return err
				}
			}
			if err := a.value(each, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *avroRoom) varint() int64 {
	v, n := binary.Varint(a.body)
	if n <= 0 {
		a.valid = false
		return 0
	}
	a.body = a.body[n:]
	return v
}

func (a *avroRoom) length() int {
	n := a.varint()
	if n < 0 || n > int64(len(a.body)) {
		a.valid = false
		return 0
	}
	return int(n)
}

func (a *avroRoom) skip(n int) {
	if n > len(a.body) {
		a.valid = false
		return
	}
	a.body = a.body[n:]
}
