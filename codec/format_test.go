package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/codec/belfrypb"
)

// decoders are all ways to read stored bytes.
func decoders() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"record": func(b []byte) error { _, err := codec.DecodeRecord(b); return err },
		"row":    func(b []byte) error { _, err := codec.DecodeState(b); return err },
		"board":  func(b []byte) error { _, err := codec.DecodeBoard(b); return err },
		"item":   func(b []byte) error { _, err := codec.DecodeItem(b); return err },

		"endpoint": func(b []byte) error { _, err := codec.DecodeEndpoint(b); return err },
		"outbound": func(b []byte) error { _, err := codec.DecodeOutbound(b); return err },
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	for what, decode := range decoders() {
		t.Run(what, func(t *testing.T) {
			// The rest is whatever a newer one makes of it.
			newer := []byte{1 << 3, 3, 2<<3 | 2, 1, 'x'}
			if what == "outbound" {
				newer = []byte(`{"format":3,"channel":{}}`)
			}
			err := decode(newer)
			if !errors.Is(err, belfry.ErrNewerFormat) || errors.Is(err, belfry.ErrCorrupt) {
				t.Fatalf("got %v, want ErrNewerFormat", err)
			}
			highest := map[string]int{"record": 2, "row": 2, "board": 2, "item": 1, "endpoint": 1, "outbound": 1}[what]
			want := fmt.Sprintf("%s: format 3, this belfry reads up to %d: upgrade it: %v", what, highest, belfry.ErrNewerFormat)
			if err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
		})
	}
}

// A row that uses a capability of a newer program is refused by all who read rows, and
// the error says what to do.
func TestUnknownCapabilityIsRefused(t *testing.T) {
	s := goldenTimes()
	b := must(t)(codec.EncodeState(&s))
	s.Extra = nil
	with := func(uses uint32) []byte {
		var m belfrypb.Row
		if err := proto.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		m.Uses = uses
		b, err := proto.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, read := range map[string]func([]byte) error{
		"state":   func(b []byte) error { _, err := codec.DecodeState(b); return err },
		"badge":   func(b []byte) error { _, err := codec.DecodeBadge(b, time.Now()); return err },
		"stamp":   func(b []byte) error { _, err := codec.DecodeStamp(b, time.Now()); return err },
		"version": func(b []byte) error { _, err := codec.RowVersion(b); return err },
	} {
		for _, uses := range []uint32{1 << 3, 1<<3 | 1, 1 << 31} {
			err := read(with(uses))
			if !errors.Is(err, belfry.ErrNewerFormat) || errors.Is(err, belfry.ErrCorrupt) {
				t.Errorf("%s, capabilities %#x: got %v, want ErrNewerFormat", name, uses, err)
				continue
			}
			if want := fmt.Sprintf("uses capabilities %#x, this belfry knows 0x7: run the belfry that wrote it", uses); !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want it to say %q", name, err, want)
			}
		}
		for what, b := range map[string][]byte{"no capability in format 2": with(0)} {
			if err := read(b); !errors.Is(err, belfry.ErrCorrupt) {
				t.Errorf("%s, %s: got %v, want ErrCorrupt", name, what, err)
			}
		}
	}
	for _, uses := range []uint32{1 << 1, 1<<1 | 1, 1 << 2, 1<<2 | 1} { // its columns are not there, and those of time are
		if _, err := codec.DecodeState(with(uses)); !errors.Is(err, belfry.ErrCorrupt) {
			t.Errorf("capabilities %#x: got %v, want ErrCorrupt", uses, err)
		}
	}
	if due := codec.DecodeDue(with(1 << 3)); due != 0 {
		t.Errorf("a row that cannot be read is due at %d", due)
	}
}

// Bytes that were cut off are refused or, if the cut is between two fields, read as
// far as they go.
func TestTruncated(t *testing.T) {
	for name, g := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			b := g.encode(t)
			for n := range b {
				if err := g.decode(b[:n]); err != nil && !errors.Is(err, belfry.ErrCorrupt) {
					t.Errorf("%d of %d bytes: got %v, want ErrCorrupt", n, len(b), err)
				}
			}
			if err := g.decode(b[:len(b)-1]); err == nil {
				t.Error("one byte less is no error")
			}
			if err := g.decode(nil); err == nil {
				t.Error("no bytes are no error")
			}
		})
	}
}

func TestNotUTF8IsCorrupt(t *testing.T) {
	for name, b := range map[string][]byte{
		"record": {1 << 3, 1, 2 << 3, 2, 9<<3 | 2, 1, 0xff},
		"row":    {1 << 3, 1, 6<<3 | 2, 1, 0xff},
		"item":   {1 << 3, 1, 2 << 3, 1, 3<<3 | 2, 3, 1<<3 | 2, 1, 0xff},

		"endpoint": {1 << 3, 1, 2 << 3, 1, 4<<3 | 2, 1, 0xff},
		"outbound": []byte("{\"format\":1,\"channel\":\"\xff\",\"kind\":\"text\",\"decision\":1,\"good_until\":\"2026-03-04T05:06:07Z\"}"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := decoders()[name](b); !errors.Is(err, belfry.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}

// Bytes that promise much must not make a decoder reserve memory for it.
func TestDecodeAllocations(t *testing.T) {
	const size = 1 << 20
	column := func(number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
	}
	format := []byte{1 << 3, 1}
	ones := bytes.Repeat([]byte{1}, size)
	unit := size / 10
	var texts []byte
	for i := range size / 10 {
		texts = append(texts, column(6, column(1, fmt.Appendf(nil, "%06d", i)))...)
	}
	for _, tt := range []struct {
		name  string
		what  string
		bytes []byte
	}{
		{"lone column", "row", bytes.Join([][]byte{format, column(7, ones)}, nil)},
		{"smallest items", "row", bytes.Join([][]byte{
			format, {4 << 3, 0xff, 0xff, 0xff, 0xff, 1}, column(7, ones[:unit]),
			column(8, bytes.Repeat([]byte{8}, unit)), column(9, make([]byte, 8*unit)),
		}, nil)},
		{"empty categories", "row", append(format, bytes.Repeat([]byte{6<<3 | 2, 0}, size/2)...)},
		{"length beyond the end", "row", append(format, 9<<3|2, 0xff, 0xff, 0xff, 0xff, 7)},
		{"seqs", "record", bytes.Join([][]byte{format, {2 << 3, 2}, column(7, ones)}, nil)},
		{"texts", "item", bytes.Join([][]byte{format, {2 << 3, 1}, column(3, texts)}, nil)},
		{"unknown fields", "row", append(format, bytes.Repeat([]byte{0x80 | 50<<3&0x7f, 3, 1}, size/3)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decoders()[tt.what](tt.bytes)
			runtime.ReadMemStats(&after)
			got := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes for an input of %d: %.60v", got, len(tt.bytes), err)
			if limit := 64*uint64(len(tt.bytes)) + 1<<16; got > limit {
				t.Errorf("got %d bytes allocated for %d, want at most %d", got, len(tt.bytes), limit)
			}
		})
	}
}
