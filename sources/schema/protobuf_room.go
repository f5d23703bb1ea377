package schema

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/belfry/belfry/sources/envelope"
)

// messageBytes is what the library takes for a message, and messageFieldBytes for each of
// its fields that is made though nobody has sent it.
const (
	messageBytes      = 480
	messageFieldBytes = 112
	// groupBytes is counted for each byte of a group: for its value, and for the time that
	// it takes to look for the end.
	groupBytes = 4
)

func ofMessage(d protoreflect.MessageDescriptor) int {
	return messageBytes + messageFieldBytes*d.Fields().Len()
}

// widest is the largest ofMessage of all messages that a schema may have within each other.
func widest(files *protoregistry.Files) int {
	most := 0
	var look func(protoreflect.MessageDescriptors)
	look = func(all protoreflect.MessageDescriptors) {
		for i := range all.Len() {
			most = max(most, ofMessage(all.Get(i)))
			look(all.Get(i).Messages())
		}
	}
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		look(f.Messages())
		return true
	})
	return most
}

// take counts what a message will take, before it is decoded. A message that is not
// valid is left to the library to refuse.
func (s protobufSchema) take(room *envelope.Room, d protoreflect.MessageDescriptor, body []byte) error {
	// No message is shorter than two bytes of the one around it, but for the one that an entry
	// of a map has in any case.
	if small := (len(body)/2 + 1) * 2 * s.widest; small < envelope.MaxDecodedBytes/16 {
		return room.Take(small)
	}
	return takeMessage(room, d, body, 0)
}

func takeMessage(room *envelope.Room, d protoreflect.MessageDescriptor, body []byte, depth int) error {
	if err := room.Take(ofMessage(d)); err != nil || depth > envelope.MaxDepth {
		return err
	}
	fields := d.Fields()
	for len(body) > 0 {
		number, wire, n := protowire.ConsumeTag(body)
		if n < 0 {
			return nil
		}
		body = body[n:]
		if n = protowire.ConsumeFieldValue(number, wire, body); n < 0 {
			return nil
		}
		value := body[:n]
		body = body[n:]
		if err := takeField(room, fields.ByNumber(number), number, wire, value, depth); err != nil {
			return err
		}
	}
	return nil
}

func takeField(room *envelope.Room, f protoreflect.FieldDescriptor, number protowire.Number, wire protowire.Type, value []byte, depth int) error {
	switch wire {
	case protowire.StartGroupType:
		// Its end has to be looked for, here and by the library, and again for each group
		// within it.
		if err := room.Times(len(value), groupBytes); err != nil || f == nil || f.Kind() != protoreflect.GroupKind {
			return err
		}
		inner, n := protowire.ConsumeGroup(number, value)
		if n < 0 {
			return nil
		}
		return takeMessage(room, f.Message(), inner, depth+1)
	case protowire.BytesType:
		inner, _ := protowire.ConsumeBytes(value)
		switch {
		case f == nil:
			return room.Take(len(inner))
		case f.Message() != nil:
			if f.IsMap() && f.MapValue().Message() != nil && !hasField(inner, f.MapValue().Number()) {
				// The library makes the value that is not there.
				if err := room.Take(ofMessage(f.MapValue().Message())); err != nil {
					return err
				}
			}
			return takeMessage(room, f.Message(), inner, depth+1)
		case f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind:
			return room.Take(envelope.ValueBytes + 3*len(inner))
		}
		return room.Times(packed(f.Kind(), inner), envelope.ValueBytes)
	}
	return room.Take(envelope.ValueBytes)
}

// hasField reports whether a message has a field, as far as it is valid.
func hasField(body []byte, wanted protowire.Number) bool {
	for len(body) > 0 {
		number, _, n := protowire.ConsumeField(body)
		if n < 0 || number == wanted {
			return n >= 0
		}
		body = body[n:]
	}
	return false
}

// packed is how many numbers stand in a packed list.
func packed(kind protoreflect.Kind, list []byte) int {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return len(list) / 4
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return len(list) / 8
	}
	n := 0
	for _, b := range list {
		if b < 0x80 { // the last byte of a varint
			n++
		}
	}
	return n
}
