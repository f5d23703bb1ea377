package codec_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

// seed adds the golden values whose names begin so, and a few broken ones.
func seed(f *testing.F, prefix string) {
	for name, g := range goldens(f) {
		if strings.HasPrefix(name, prefix) {
			f.Add(g.encode(f))
		}
	}
	f.Add([]byte{})
	f.Add([]byte{1 << 3, 1})
	f.Add([]byte{1 << 3, 2})
	f.Add([]byte{1 << 3, 3})
}

// Each fuzz target holds the same: no input panics, and what decodes encodes to
// something that decodes to the same.

func FuzzDecodeState(f *testing.F) {
	seed(f, "row")
	for _, s := range []inbox.State{typicalState(20, 3), typicalState(100, 5), fullState()} {
		f.Add(must(f)(codec.EncodeState(&s)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		version, versionErr := codec.RowVersion(b)
		_, _ = codec.DecodeBadge(b, time.Time{}) // must not panic either
		_ = codec.DecodeDue(b)
		s, err := codec.DecodeState(b)
		want, wantErr := codec.ReferenceDecodeState(b)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && !equalStates(s, want) {
			t.Errorf("got %+v, %v; the generated codec reads %+v, %v", s, err, want, wantErr)
		}
		if err != nil {
			return
		}
		if versionErr != nil || version != s.Version {
			t.Errorf("RowVersion: got %d, %v; want %d", version, versionErr, s.Version)
		}
		checkBadge(t, b, &s)
		checkRow(t, s)
	})
}

func FuzzDecodeRecord(f *testing.F) {
	seed(f, "record")
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := codec.DecodeRecord(b); err == nil {
			checkRecord(t, r)
		}
	})
}

func FuzzDecodeEndpoint(f *testing.F) {
	seed(f, "endpoint")
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := codec.DecodeEndpoint(b)
		if err != nil {
			return
		}
		again, err := codec.DecodeEndpoint(must(t)(codec.EncodeEndpoint(&a)))
		if err != nil || !reflect.DeepEqual(again, a) {
			t.Errorf("got %+v, %v; want %+v", again, err, a)
		}
	})
}

func FuzzDecodeOutbound(f *testing.F) {
	seed(f, "outbound")
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := codec.DecodeOutbound(b)
		if err != nil {
			return
		}
		again, err := codec.DecodeOutbound(must(t)(codec.EncodeOutbound(&o)))
		if err != nil || again != o {
			t.Errorf("got %+v, %v; want %+v", again, err, o)
		}
	})
}

func FuzzDecodeItem(f *testing.F) {
	seed(f, "item")
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := codec.DecodeItem(b)
		if err != nil {
			return
		}
		again, err := codec.DecodeItem(must(t)(codec.EncodeItem(&it)))
		if err != nil || !reflect.DeepEqual(again, it) {
			t.Errorf("got %+v, %v; want %+v", again, err, it)
		}
	})
}
