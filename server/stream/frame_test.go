package stream

import (
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

func TestSchemas(t *testing.T) {
	servertest.CheckSchemas(t, "../../docs/openapi.yaml", map[string]any{
		"StreamItem": wire.Item{}, "StreamState": stateBody{}, "StreamVersion": versionBody{}, "StreamBye": wire.Bye{},
	})
}

func TestFrameStateListsAreNeverNull(t *testing.T) {
	b, err := wire.Event{Name: eventState, Data: newStateBody(3, &inbox.Changes{})}.Append(nil)
	const want = "event: state\ndata: {\"version\":3,\"read\":[],\"unread\":[],\"seen\":[],\"archived\":[],\"removed\":[]}\n\n"
	if err != nil || string(b) != want {
		t.Errorf("got %q, %v, want %q", b, err, want)
	}
}
