package node

import (
	"testing"
	"time"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/server"
)

func TestReadyState(t *testing.T) {
	half := &engine.Recovery{Done: 5, Total: 10, Left: 2 * time.Second}
	for _, tt := range []struct {
		status engine.Status
		ready  bool
		want   server.State
	}{
		{engine.Status{Phase: engine.Starting}, false, server.StateStarting},
		{engine.Status{Phase: engine.Recovering, Recovery: half}, false, server.StateRecovering},
		{engine.Status{Phase: engine.Running}, true, server.StateReady},
		// A view that was whole answers while it reads the rest.
		{engine.Status{Phase: engine.Recovering, Recovery: half}, true, server.StateReady},
		{engine.Status{Phase: engine.Reconnecting}, true, server.StateReady},
		{engine.Status{Phase: engine.Reconnecting}, false, server.StateStarting},
		{engine.Status{Phase: engine.Failed}, false, server.StateFailed},
		{engine.Status{Phase: engine.Stopped}, false, server.StateDraining},
	} {
		got, progress := readyState(tt.status, tt.ready)
		if got != tt.want {
			t.Errorf("%s, ready %t: got %s, want %s", tt.status.Phase, tt.ready, got, tt.want)
		}
		if recovering := tt.want == server.StateRecovering; recovering != (progress != nil) {
			t.Errorf("%s: got progress %v", tt.status.Phase, progress)
		} else if recovering && (progress.Percent != 50 || progress.Done != 5 || progress.Total != 10 || *progress.ETA != 2) {
			t.Errorf("got %+v, want half of 10 and 2 s", progress)
		}
	}
}

// A process without a server says itself that it drains.
func TestProcessorsSayThatTheyDrain(t *testing.T) {
	n := &node{}
	if got := n.conditions(); len(got) != 0 {
		t.Errorf("got %+v before", got)
	}
	n.draining.Store(true)
	got := n.conditions()
	if len(got) != 1 || got[0].Ready || got[0].State != server.StateDraining {
		t.Errorf("got %+v, want that it drains", got)
	}
}
