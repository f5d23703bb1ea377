package codec_test

import (
	"testing"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

func TestNotOlder(t *testing.T) {
	row := func(version uint64) []byte {
		b, err := codec.EncodeState(&inbox.State{Epoch: 7, Version: version})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	newerFormat := []byte{0x08, 0x63, 0x20, 0x01} // format 99, version 1
	tests := []struct {
		name      string
		old, next []byte
		want      bool
	}{
		{"newer", row(5), row(6), true},
		{"equal", row(5), row(5), true},
		{"older", row(5), row(4), false},
		{"far older", row(1 << 40), row(1), false},
		{"old is garbage", []byte("garbage"), row(1), true},
		{"next is garbage", row(5), []byte("garbage"), true},
		{"old is of a newer format", newerFormat, row(0), true},
		{"next is of a newer format", row(5), newerFormat, true},
		{"nothing before", nil, row(1), true},
		{"nothing after", row(5), nil, true},
		{"empty after", row(5), []byte{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := codec.NotOlder(tt.old, tt.next); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
