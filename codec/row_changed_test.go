package codec_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// An older program writes what it doesn't know as it found it: it must not be
// taken for the time of its own change.
func TestChangedAtOfAnOlderProgram(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 5e6, time.UTC)
	b, err := codec.EncodeState(&inbox.State{Epoch: 7, Version: 5, ChangedAt: at})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := codec.DecodeState(b); err != nil || !got.ChangedAt.Equal(at) {
		t.Errorf("got %v, %v, want %v", got.ChangedAt, err, at)
	}
	var row belfrypb.Row
	if err := proto.Unmarshal(b, &row); err != nil {
		t.Fatal(err)
	}
	row.Version++
	if b, err = proto.Marshal(&row); err != nil {
		t.Fatal(err)
	}
	got, err := codec.DecodeState(b)
	if err != nil || !got.ChangedAt.IsZero() || len(got.Extra) > 0 {
		t.Errorf("changed by an older program: got %v, extra %x, %v, want neither", got.ChangedAt, got.Extra, err)
	}
}
