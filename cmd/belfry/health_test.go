package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/belfry/belfry/internal/cli"
)

func TestHealth(t *testing.T) {
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(srv.Close)

	call(t, nil, "health", "--url", srv.URL).WantOutput(t)
	call(t, map[string]string{"BELFRY_URL": srv.URL}, "health").WantOutput(t)
	status = http.StatusServiceUnavailable
	call(t, nil, "health", "--url", srv.URL).WantError(t, cli.ExitFailure, srv.URL, "503")
	srv.Close()
	call(t, nil, "health", "--url", srv.URL).WantError(t, cli.ExitFailure, "refused")
}

func TestHealthTimeout(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	call(t, nil, "health", "--url", srv.URL, "--timeout", "10ms").WantError(t, cli.ExitFailure, "deadline")
}

func TestHealthUsage(t *testing.T) {
	for _, u := range []string{"", "localhost:8080", "ftp://x/", "http://", ":"} {
		call(t, nil, "health", "--url", u).WantError(t, cli.ExitUsage, "--url")
	}
	call(t, nil, "health", "--timeout", "0s").WantError(t, cli.ExitUsage, "--timeout")
}
