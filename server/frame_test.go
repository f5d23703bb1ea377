package server

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestFrameStateListsAreNeverNull(t *testing.T) {
	b, err := frame{event: eventState, data: newStateBody(3, &inbox.Changes{})}.append(nil)
	const want = "event: state\ndata: {\"version\":3,\"read\":[],\"unread\":[],\"seen\":[],\"archived\":[],\"removed\":[]}\n\n"
	if err != nil || string(b) != want {
		t.Errorf("got %q, %v, want %q", b, err, want)
	}
}
