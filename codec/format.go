package codec

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry"
)

// The highest formats that this Belfry reads. Rows and records that need no
// more are written in firstFormat. When to raise one stands in belfry.proto.
const (
	firstFormat  = 1
	recordFormat = 2
	rowFormat    = 2
	itemFormat   = 1

	endpointFormat = 1
	outboundFormat = 1
)

// The capabilities that a row of format 2 may use, by the bits of its uses.
const (
	usesTime = 1 << iota
	usesReach
	usesBroadcast

	usesKnown = usesTime | usesReach | usesBroadcast // those of this Belfry
)

// checkUses returns what is wrong with the capabilities that a row says it uses.
func checkUses(format uint32, uses uint64) error {
	switch {
	case uses&^usesKnown != 0:
		return fmt.Errorf("row: uses capabilities %#x, this belfry knows %#x: run the belfry that wrote it on all processors and servers, there is no way back from it: %w",
			uses, usesKnown, belfry.ErrNewerFormat)
	case format == firstFormat && uses != 0:
		return corrupt("row", "capabilities %#x in a row of format %d", uses, format)
	case format > firstFormat && uses == 0:
		return corrupt("row", "no capabilities in a row of format %d", format)
	}
	return nil
}

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
