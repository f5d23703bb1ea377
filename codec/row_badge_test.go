package codec_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

// checkBadge fails unless what is read of b alone is what s shows, before,
// between and after the expiries of its items.
func checkBadge(t fataler, b []byte, s *inbox.State) {
	t.Helper()
	at := []int64{0, 1 << 50}
	for _, e := range s.Items {
		at = append(at, e.ExpiresAt, e.ExpiresAt-1, e.Until, e.Until-1)
	}
	if got, want := codec.DecodeDue(b), s.NextWake(); got != want {
		t.Fatalf("due at %d, want %d", got, want)
	}
	slices.Sort(at)
	for _, ms := range slices.Compact(at) {
		now := time.UnixMilli(ms)
		want := s.Badge(now)
		if got, err := codec.DecodeBadge(b, now); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("badge at %d: got %+v, %v; want %+v", ms, got, err, want)
		}
		if got, err := codec.DecodeStamp(b, now); err != nil || got != want.Stamp {
			t.Fatalf("stamp at %d: got %+v, %v; want %+v", ms, got, err, want.Stamp)
		}
	}
}

// A column may stand in pieces or unpacked, by the rules of protobuf.
func TestBadgeOfSpreadColumns(t *testing.T) {
	s := fullState()
	for i := range s.Items {
		s.Items[i].Until, s.Items[i].Shown = int64(1_790_000_000_000+i), uint64(i%2)
	}
	b := must(t)(codec.EncodeState(&s))
	const meta, expiresAt, times, until = 8, 16, 25, 26
	for name, spread := range map[string]func(out []byte, number protowire.Number, values []byte) []byte{
		"unpacked": func(out []byte, number protowire.Number, values []byte) []byte {
			for len(values) > 0 {
				_, n := protowire.ConsumeVarint(values)
				out = append(protowire.AppendTag(out, number, protowire.VarintType), values[:n]...)
				values = values[n:]
			}
			return out
		},
		"in pieces": func(out []byte, number protowire.Number, values []byte) []byte {
			_, n := protowire.ConsumeVarint(values)
			for _, piece := range [][]byte{values[:n], values[n:]} {
				out = protowire.AppendBytes(protowire.AppendTag(out, number, protowire.BytesType), piece)
			}
			return out
		},
	} {
		for _, column := range []protowire.Number{meta, expiresAt, times, until} {
			t.Run(name, func(t *testing.T) {
				var out []byte
				for rest := b; len(rest) > 0; {
					number, _, n := protowire.ConsumeField(rest)
					if number == column {
						_, _, tag := protowire.ConsumeTag(rest)
						values, _ := protowire.ConsumeBytes(rest[tag:])
						out = spread(out, number, values)
					} else {
						out = append(out, rest[:n]...)
					}
					rest = rest[n:]
				}
				checkBadge(t, out, &s)
			})
		}
	}
}

func TestBadgeOfBrokenRows(t *testing.T) {
	s := fullState()
	b := must(t)(codec.EncodeState(&s))
	for name, tt := range map[string]struct {
		row  []byte
		want error
	}{
		"empty":        {nil, belfry.ErrCorrupt},
		"cut short":    {b[:len(b)/2], belfry.ErrCorrupt},
		"newer format": {[]byte{0x08, 0x63, 0x20, 0x01}, belfry.ErrNewerFormat},
		"no category":  {[]byte{0x08, 0x01, 8<<3 | 2, 2, 0x80, 0x10}, belfry.ErrCorrupt},
		"no expiry":    {[]byte{0x08, 0x01, 8<<3 | 2, 2, 0x80, 0x01}, belfry.ErrCorrupt},
		"no time":      {[]byte{0x08, 0x02, 8<<3 | 2, 1, 0, 24<<3&0x7f | 0x80, 1, 1}, belfry.ErrCorrupt},
		"no until":     {[]byte{0x08, 0x02, 8<<3 | 2, 1, 0, 24<<3&0x7f | 0x80, 1, 1, 25<<3&0x7f | 0x80 | 2, 1, 1, 1}, belfry.ErrCorrupt},
		"cut meta":     {[]byte{0x08, 0x01, 8<<3 | 2, 1, 0x80}, belfry.ErrCorrupt},
	} {
		if got, err := codec.DecodeBadge(tt.row, time.Now()); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %+v, %v; want %v", name, got, err, tt.want)
		}
	}
	for name, row := range map[string][]byte{"empty": nil, "cut short": b[:len(b)/2], "cut expiry": {0x08, 0x01, 0x82, 0x01, 1, 0x80}} {
		if got, err := codec.DecodeStamp(row, time.Now()); !errors.Is(err, belfry.ErrCorrupt) {
			t.Errorf("%s: got stamp %+v, %v; want %v", name, got, err, belfry.ErrCorrupt)
		}
	}
}
