package bench

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/bench/figures"
)

func shell(t *testing.T, script string) *member {
	t.Helper()
	dir := t.TempDir()
	m := &member{name: "sh", path: "sh", args: []string{"-c", script}, dir: filepath.Join(dir, "state"), log: filepath.Join(dir, "log")}
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.end(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// A member that ends by itself is started again and counted. One that is told to end is not.
func TestEndings(t *testing.T) {
	t.Parallel()
	m := shell(t, `echo up; exit 1`)
	await.Eventually(t, await.Patience, func() string { return "started again" }, func() bool {
		text, _ := os.ReadFile(m.log)
		return m.endings() >= 2 && strings.Count(string(text), "up") >= 2
	})
	asked := shell(t, `echo up; sleep 1000`)
	if err := errors.Join(asked.terminate(), asked.start(), asked.kill()); err != nil {
		t.Error(err)
	}
	asked.watch.Wait()
	if got := asked.endings(); got != 0 {
		t.Errorf("ended by itself %d times, want 0", got)
	}
}

func TestAwaitReady(t *testing.T) {
	t.Parallel()
	m := shell(t, `echo the reason; sleep 1000`)
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	m.url = srv.URL
	if err := m.awaitReady(t.Context()); err != nil || asked.Load() < 3 {
		t.Errorf("ready after %d questions: %v", asked.Load(), err)
	}
	await.Eventually(t, await.Patience, func() string { return "log" }, func() bool { return m.logTail(1) == "the reason" })
	m.url = srv.URL + "/elsewhere"
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := m.awaitReady(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("not ready: %v", err)
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "state", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"a": 1 << 20, "sub/b": 1 << 19} {
		if err := os.WriteFile(filepath.Join(dir, "state", name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body := "# HELP go_goroutines Number.\ngo_goroutines 42\ngo_goroutines_total 1\nprocess_open_fds 17\nprocess_resident_memory_bytes 5.24288e+06\n"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	defer srv.Close()
	m := &member{name: "m", url: srv.URL, dir: filepath.Join(dir, "state")}
	got, err := m.usage(t.Context())
	if err != nil || got[figures.Goroutines] != 42 || got[figures.Files] != 17 || got[figures.Memory] != 5 || got[figures.Disk] != 1.5 {
		t.Errorf("got %v, %v", got, err)
	}
	body = "go_goroutines many\n"
	if _, err := m.usage(t.Context()); err == nil {
		t.Error("no number is no error")
	}
	srv.Close()
	if _, err := m.usage(t.Context()); err == nil {
		t.Error("no answer is no error")
	}
}
