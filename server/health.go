package server

import (
	"net/http"
)

// Condition is one thing that readiness depends on. Its texts are public.
type Condition struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Detail string `json:"detail,omitempty"`
}

// readyBody is the answer of /readyz.
type readyBody struct {
	Ready      bool        `json:"ready"`
	Conditions []Condition `json:"conditions"`
}

// getHealth answers /healthz: the process answers requests.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request, _ call) error {
	respond(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
	return nil
}

// getReady answers /readyz: 200 if the server should be sent requests, else
// 503; both with the conditions, so that a person sees which one it is.
func (s *Server) getReady(w http.ResponseWriter, _ *http.Request, _ call) error {
	body := readyBody{Ready: true, Conditions: []Condition{}}
	if s.config.Readiness != nil {
		body.Conditions = append(body.Conditions, s.config.Readiness()...)
	}
	if s.draining.Load() {
		body.Conditions = append(body.Conditions, Condition{Name: "draining", Detail: "the server is shutting down"})
	}
	for _, c := range body.Conditions {
		body.Ready = body.Ready && c.Ready
	}
	status := http.StatusOK
	if !body.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", retryAfter)
	}
	respond(w, status, body)
	return nil
}
