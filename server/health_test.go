package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/server/wire"
)

func TestReady(t *testing.T) {
	conditions := []Condition{{Name: "unread view", Ready: false, Detail: "12 of 40 partitions"}, {Name: "inbox view", Ready: true}}
	a := newAPI(t, withJWT(t), func(c *Config) { c.Readiness = func() []Condition { return conditions } })
	got := a.get("/readyz").Want(503).WantHeader("Content-Type", "application/json").WantHeader("Retry-After", "1")
	want := `{"ready":false,"state":"starting","conditions":[{"name":"unread view","ready":false,"state":"starting","detail":"12 of 40 partitions"},{"name":"inbox view","ready":true,"state":"ready"}]}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
	a.get("/healthz").Want(200)
	conditions[0].Ready = true
	a.get("/readyz").Want(200)
	a.draining.Store(true)
	if got := a.get("/readyz").Want(503).Body.String(); !strings.Contains(got, `"state":"draining"`) {
		t.Errorf("got %s, want it to say draining", got)
	}
	a.get("/healthz").Want(200)
	if got, want := newAPI(t).get("/readyz").Want(200).Body.String(), `{"ready":true,"state":"ready","conditions":[]}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReadyState(t *testing.T) {
	of := func(states ...State) []Condition {
		var all []Condition
		for _, s := range states {
			all = append(all, Condition{Name: string(s), State: s, Ready: s == StateReady})
		}
		return all
	}
	for _, tt := range []struct {
		name       string
		conditions []Condition
		want       State
	}{
		{"nothing", nil, StateReady},
		{"all ready", of(StateReady, StateReady), StateReady},
		{"one recovers", of(StateReady, StateRecovering), StateRecovering},
		{"one starts, one recovers", of(StateStarting, StateRecovering), StateStarting},
		{"one recovers, one starts", of(StateRecovering, StateStarting), StateStarting},
		{"one failed", of(StateRecovering, StateFailed, StateReady), StateStarting},
		{"draining", of(StateDraining, StateFailed, StateRecovering), StateDraining},
		{"starting, then draining", of(StateStarting, StateDraining), StateDraining},
		{"ready by its flag", []Condition{{Name: "keys", Ready: true}}, StateReady},
		{"not ready by its flag", []Condition{{Name: "keys"}}, StateStarting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := newReadyBody(tt.conditions); got.State != tt.want || got.Ready != (tt.want == StateReady) {
				t.Errorf("got %s, ready %t, want %s", got.State, got.Ready, tt.want)
			}
		})
	}
}

func TestReadyTellsProgress(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{-1, `{"percent":33.3,"done":1,"total":3}`},
		{90 * time.Second, `{"percent":33.3,"done":1,"total":3,"eta_seconds":90}`},
		{0, `{"percent":33.3,"done":1,"total":3,"eta_seconds":0}`},
	} {
		a := newAPI(t, func(c *Config) {
			c.Readiness = func() []Condition {
				return []Condition{{Name: "view", State: StateRecovering, Progress: wire.NewProgress(1, 3, 100./3, tt.left)}}
			}
		})
		want := `{"ready":false,"state":"recovering","conditions":[{"name":"view","ready":false,"state":"recovering","progress":` + tt.want + "}]}\n"
		if got := a.get("/readyz").Want(503).Body.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	a := newAPI(t, func(c *Config) { c.Registry, c.MetricsOnAPI = reg, true })
	a.get("/v1/users/secret-user/unread")
	a.get("/v1/users/secret-user/unread", "If-None-Match", `"0.0.0"`)
	a.get("/v1/users/__bad/unread")
	a.call("BREW", "/v1/users/secret-user/unread", "")
	a.get("/nowhere", "Host", "x")
	a.call("POST", "/v1/users/secret-user/inbox/read", `{"seqs":[1]}`)
	for code, want := range map[string]float64{"200": 1, "304": 1, "400": 1, "503": 0} {
		if got := testutil.ToFloat64(a.metrics.polls.WithLabelValues(code)); got != want {
			t.Errorf("got %v polls with %s, want %v", got, code, want)
		}
	}
	body := a.get("/metrics").Want(200).Body.String()
	for _, want := range []string{
		`belfry_polls_total{code="304"} 1`,
		`belfry_http_requests_total{code="405",method="other",route="none"} 1`,
		`belfry_http_requests_total{code="404",method="GET",route="none"} 1`,
		`belfry_http_requests_total{code="200",method="POST",route="/v1/users/{user}/inbox/{action}"} 1`,
		`belfry_http_request_duration_seconds_count{route="/v1/users/{user}/unread"} 3`,
		`belfry_http_requests_in_flight 1`,
		`belfry_stream_connections 0`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(body, "secret-user") {
		t.Error("a user is in the metrics")
	}
}

// The pages of a process without an API are read over a connection, whose deadlines a
// recorder does not have.
func TestOpsAnswersOverAConnection(t *testing.T) {
	s := httptest.NewServer(Ops(Config{Registry: prometheus.NewRegistry(), Readiness: func() []Condition { return nil }, LagMetrics: http.NotFoundHandler()}))
	defer s.Close()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatalf("GET %s: %v", path, err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: got %s, want 200", path, res.Status)
		}
	}
}
