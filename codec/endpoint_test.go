package codec

import (
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestHoldsEndpoint(t *testing.T) {
	encode := func(r inbox.Record) []byte {
		t.Helper()
		b, err := EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	secret := encode(inbox.Record{Kind: inbox.KindEndpoint, Seqs: []uint64{3}, Rule: "r", Endpoint: &inbox.Address{Kind: inbox.EndpointText, Target: "secret", AddedAt: time.Unix(1, 0)}})
	for name, tt := range map[string]struct {
		value []byte
		want  bool
	}{
		"endpoint": {secret, true}, "of a newer format": {append([]byte{8, 99}, secret...), true}, "cut": {secret[:len(secret)-3], true},
		"notification": {encode(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText("x")}}), false},
		"gone":         {encode(inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{3}}), false},
		"none":         {nil, false}, "text": {[]byte("poison"), false},
	} {
		if got := HoldsEndpoint(tt.value); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
