package schema

import "google.golang.org/protobuf/reflect/protoreflect"

// The files that Confluent's serializers let a schema import without a reference,
// in the
// field numbers of
// https://github.com/confluentinc/schema-registry/tree/master/protobuf-types/src/main/proto/confluent
const (
	confluentMeta = `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`
	confluentDecimal = `syntax = "proto3";
package confluent.type;
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
`
)

// findMessage looks for a message in a file and in what it imports.
func findMessage(file protoreflect.FileDescriptor, name protoreflect.FullName) protoreflect.MessageDescriptor {
	seen := map[string]bool{}
	var find func(protoreflect.FileDescriptor) protoreflect.MessageDescriptor
	find = func(f protoreflect.FileDescriptor) protoreflect.MessageDescriptor {
		if seen[f.Path()] || f.IsPlaceholder() {
			return nil
		}
		seen[f.Path()] = true
		if d := inMessages(f.Messages(), name); d != nil {
			return d
		}
		for i := range f.Imports().Len() {
			if d := find(f.Imports().Get(i).FileDescriptor); d != nil {
				return d
			}
		}
		return nil
	}
	return find(file)
}

func inMessages(messages protoreflect.MessageDescriptors, name protoreflect.FullName) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		d := messages.Get(i)
		if d.FullName() == name {
			return d
		}
		if inner := inMessages(d.Messages(), name); inner != nil {
			return inner
		}
	}
	return nil
}
