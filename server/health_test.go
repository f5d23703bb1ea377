package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestReady(t *testing.T) {
	conditions := []Condition{{Name: "unread view", Ready: false, Detail: "12 of 40 partitions"}, {Name: "inbox view", Ready: true}}
	a := newAPI(t, withJWT(t), func(c *Config) { c.Readiness = func() []Condition { return conditions } })
	got := a.get("/readyz").want(503).wantHeader("Content-Type", "application/json").wantHeader("Retry-After", "1")
	want := `{"ready":false,"conditions":[{"name":"unread view","ready":false,"detail":"12 of 40 partitions"},{"name":"inbox view","ready":true}]}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
	a.get("/healthz").want(200)
	conditions[0].Ready = true
	a.get("/readyz").want(200)
	a.draining.Store(true)
	if got := a.get("/readyz").want(503).Body.String(); !strings.Contains(got, `"draining"`) {
		t.Errorf("got %s, want it to say draining", got)
	}
	a.get("/healthz").want(200)
	if got, want := newAPI(t).get("/readyz").want(200).Body.String(), `{"ready":true,"conditions":[]}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLag(t *testing.T) {
	newAPI(t).get("/v1/lag").wantProblem(503, "")
	var err error
	a := newAPI(t, func(c *Config) {
		c.Lag = func(context.Context) (any, error) { return map[string]int{"lag": 7}, err }
	})
	if got, want := a.get("/v1/lag").want(200).Body.String(), `{"lag":7}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	err = errors.New("no broker")
	a.get("/v1/lag").wantProblem(500, "")
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
	body := a.get("/metrics").want(200).Body.String()
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
