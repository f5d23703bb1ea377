package node

import (
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
)

func TestEndpointOfALetterIsHidden(t *testing.T) {
	const prefix = belfry.Prefix(belfry.DefaultPrefix)
	value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointText, Target: "secret", AddedAt: time.Unix(1, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	for topic, shown := range map[string]bool{prefix.Journal(): false, prefix.Notifications(): true} {
		l := deadletter.Letter{Envelope: deadletter.Envelope{Topic: topic}, Value: value}
		if HideEndpoint(&l, prefix); strings.Contains(string(l.Value), "secret") != shown {
			t.Errorf("%s: got %q", topic, l.Value)
		}
	}
	asked := deadletter.Letter{
		Envelope: deadletter.Envelope{Topic: "v1.event.subscription.request", Group: prefix.RequestsGroup()},
		Value:    []byte(`{"action":"subscribe","subscription":{"keys":{"auth":"secret"}`),
	}
	if HideEndpoint(&asked, prefix); strings.Contains(string(asked.Value), "secret") {
		t.Errorf("of a request: got %q", asked.Value)
	}
}
