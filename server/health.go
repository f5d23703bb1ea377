package server

import (
	"net/http"
	"slices"

	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// State is what a process or a part of it is doing, as /readyz tells it.
type State string

// The states. A process is what the least of its parts is, failed counting as
// starting; it is draining from the moment it is told to stop.
const (
	StateStarting   State = "starting"   // not there yet
	StateRecovering State = "recovering" // reads what it needs before it can answer
	StateReady      State = "ready"
	StateFailed     State = "failed" // will be started again
	StateDraining   State = "draining"
)

// Condition is one thing that readiness depends on. Its texts are public.
type Condition struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// State is by default StateReady or StateStarting, as Ready says.
	State    State          `json:"state"`
	Detail   string         `json:"detail,omitempty"`
	Progress *wire.Progress `json:"progress,omitempty"` // nil unless recovering
}

// readyBody is the answer of /readyz.
type readyBody struct {
	Ready      bool        `json:"ready"`
	State      State       `json:"state"`
	Conditions []Condition `json:"conditions"`
}

// newReadyBody sums conditions up; it completes them in place.
func newReadyBody(conditions []Condition) readyBody {
	body := readyBody{Ready: true, State: StateReady, Conditions: conditions}
	for i := range conditions {
		c := &conditions[i]
		if c.State == "" {
			c.State = StateStarting
			if c.Ready {
				c.State = StateReady
			}
		}
		if c.Ready {
			continue
		}
		body.Ready = false
		switch {
		case body.State == StateDraining:
		case c.State == StateDraining:
			body.State = StateDraining
		case c.State != StateRecovering:
			body.State = StateStarting
		case body.State == StateReady:
			body.State = StateRecovering
		}
	}
	return body
}

// getHealth answers /healthz: the process answers requests.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request, _ auth.Call) error {
	wire.Respond(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
	return nil
}

// ready reports whether nothing that readiness depends on is missing.
func (s *Server) ready() bool {
	return s.config.Readiness == nil || !slices.ContainsFunc(s.config.Readiness(), func(c Condition) bool { return !c.Ready })
}

// getReady answers /readyz: 200 if the server should be sent requests, else
// 503; both with the conditions, so that a person sees which one it is.
func (s *Server) getReady(w http.ResponseWriter, _ *http.Request, _ auth.Call) error {
	conditions := []Condition{}
	if s.config.Readiness != nil {
		conditions = append(conditions, s.config.Readiness()...)
	}
	if s.draining.Load() {
		conditions = append(conditions, Condition{Name: "server", State: StateDraining, Detail: "is shutting down"})
	}
	body := newReadyBody(conditions)
	status := http.StatusOK
	if !body.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	}
	wire.Respond(w, status, body)
	return nil
}
