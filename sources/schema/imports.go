package schema

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The files that Confluent's serializers let a schema import without a reference,
// in the field numbers of
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

// withImports adds a file and all that it imports to files.
func withImports(files *protoregistry.Files, f protoreflect.FileDescriptor) {
	if f.IsPlaceholder() || files.RegisterFile(f) != nil {
		return // it is there already
	}
	for i := range f.Imports().Len() {
		withImports(files, f.Imports().Get(i).FileDescriptor)
	}
}
