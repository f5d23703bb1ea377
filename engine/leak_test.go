package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/parts"
)

// awaitGoroutines waits until no more goroutines than that are there.
func awaitGoroutines(t *testing.T, limit int) {
	t.Helper()
	await.Eventually(t, enginetest.Patience, func() string {
		var all strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		return fmt.Sprintf("%d goroutines, want %d at most\n%s", runtime.NumGoroutine(), limit, all.String())
	}, func() bool { return runtime.NumGoroutine() <= limit })
}

// No goroutine or connection is left: we close what goka and its clients do not.
func TestNothingIsLeftBehind(t *testing.T) {
	if !parts.Alone(t) {
		return
	}
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 4, "in", "g-table", "rows")
	for i := range int32(4) {
		m := enginetest.Text("in", fmt.Sprint("key-", i), "1")
		m.Partition = i
		enginetest.Produce(t, cfg, m)
	}
	processor := func(t *testing.T) {
		p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) { c.SetValue(value) }))
		stop := enginetest.Run(t, p.Run)
		enginetest.AwaitPhase(t, p, engine.Running)
		stop()
	}
	failing := func(t *testing.T) {
		p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) { c.Fail(errTest) }))
		stop := enginetest.Run(t, p.Run)
		enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"))
		awaitRestarts(t, p, 2)
		stop()
		processor(t) // commits what failed
	}
	view := func(t *testing.T) {
		v := table.NewView(cfg, table.Definition{Topic: "rows"})
		stop := enginetest.Run(t, v.Run)
		enginetest.AwaitPhase(t, v, engine.Running)
		stop()
	}
	refused := func(t *testing.T) {
		broken := cfg
		broken.StateDir = t.TempDir()
		infos, err := enginetest.OpenTopicsOn(t, cfg).Info("rows")
		if err != nil {
			t.Fatal(err)
		}
		// A file where the rows should be.
		store := filepath.Join(broken.StateDir, "views", "rows", "v2.1", "rows", fmt.Sprintf("%x", infos["rows"].ID))
		if err := os.MkdirAll(store, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(store, "rows"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		v := table.NewView(broken, table.Definition{Topic: "rows"})
		stop := enginetest.Run(t, v.Run)
		awaitRestarts(t, v, 1)
		before := runtime.NumGoroutine()
		awaitRestarts(t, v, 3)
		awaitGoroutines(t, before+2) // in the pause before the next attempt
		stop()
	}
	for _, tt := range []struct {
		name  string
		cycle func(*testing.T)
	}{{"processor", processor}, {"failing processor", failing}, {"view", view}, {"view that cannot open its store", refused}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Run("warm up", tt.cycle)
			limit := runtime.NumGoroutine() + 2
			for i := range 3 {
				t.Run(fmt.Sprint(i), tt.cycle)
			}
			awaitGoroutines(t, limit)
		})
	}
}

func awaitRestarts(t *testing.T, s enginetest.Supervised, n int) {
	t.Helper()
	await.Eventually(t, enginetest.Patience, func() string { return s.Status().String() }, func() bool { return s.Status().Restarts >= n })
}

// openFiles counts the file descriptors of this process, 0 where the system
// does not tell.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestHundredRestartsOfAViewLeaveNothingBehind(t *testing.T) {
	if !parts.Alone(t) {
		return
	}
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
	cycle := func() {
		v := table.NewView(cfg, table.Definition{Topic: "rows"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		enginetest.AwaitPhase(t, v, engine.Running)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		cycle()
	}
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 100 {
		cycle()
	}
	awaitGoroutines(t, goroutines+2)
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("%d files, want %d at most", openFiles(t), files+2) },
		func() bool { return openFiles(t) <= files+2 })
}
