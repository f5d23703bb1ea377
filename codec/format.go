package codec

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry"
)

// The formats that this Belfry writes, the highest it reads. When to raise one
// stands in belfry.proto.
const (
	recordFormat = 1
	rowFormat    = 1
	itemFormat   = 1
)

// marshal encodes m, which is what ("row") for errors, so that equal messages
// give equal bytes: protobuf alone would not order a map.
func marshal(what string, m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	return b, nil
}

// unmarshal decodes b into m and checks its format.
func unmarshal(what string, b []byte, m interface {
	proto.Message
	GetFormat() uint32
}, highest uint32) error {
	if err := proto.Unmarshal(b, m); err != nil {
		return corrupt(what, "%v", err)
	}
	return checkFormat(what, m.GetFormat(), highest)
}

func checkFormat(what string, format, highest uint32) error {
	switch {
	case format == 0:
		return corrupt(what, "no format number")
	case format > highest:
		return fmt.Errorf("%s: format %d, this belfry reads up to %d: upgrade it: %w",
			what, format, highest, belfry.ErrNewerFormat)
	}
	return nil
}

func corrupt(what, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", what, fmt.Sprintf(format, args...), belfry.ErrCorrupt)
}

// extra returns the unknown fields of m, nil if there are none. The bytes are
// no longer shared with what m was decoded from.
func extra(m proto.Message) []byte {
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		return unknown
	}
	return nil
}

// setExtra adds fields to m that were unknown when it was decoded.
func setExtra(m proto.Message, fields []byte) {
	if len(fields) > 0 {
		m.ProtoReflect().SetUnknown(fields)
	}
}
