package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/kafkatest"
)

// A table that was deleted and created again must neither hang who kept the
// old one's rows nor show them.
func TestProcessorForgetsARecreatedTable(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "in", "g-table")
	var seen log
	start := func() (stop func()) {
		return run(t, engine.NewProcessor(cfg, group(func(c *engine.Context, value []byte) {
			row, _ := c.Value().([]byte)
			seen.add(fmt.Sprintf("%s+%s", row, value))
			c.SetValue(append(row, value...))
		})).Run)
	}
	stop := start()
	produce(t, cfg, text("in", "a", "1"), text("in", "a", "2"), text("in", "a", "3"))
	seen.await(t, 3)
	stop()
	// Kept rows are used again ...
	stop = start()
	produce(t, cfg, text("in", "a", "4"))
	seen.await(t, 4)
	stop()
	// ... but not those of an earlier incarnation, empty or with other rows.
	recreate(t, cfg, 1, "g-table")
	stop = start()
	produce(t, cfg, text("in", "a", "5"))
	seen.await(t, 5)
	stop()
	recreate(t, cfg, 1, "g-table")
	produce(t, cfg, text("g-table", "a", "new"))
	start()
	produce(t, cfg, text("in", "a", "6"))
	want := []string{"+1", "1+2", "12+3", "123+4", "+5", "new+6"}
	if got := seen.await(t, 6); !slices.Equal(got, want) {
		t.Errorf("callbacks saw %q, want %q", got, want)
	}
}

func TestViewForgetsARecreatedTable(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "rows")
	produce(t, cfg, text("rows", "a", "1"), text("rows", "b", "1"))
	v := engine.NewView(cfg, engine.Table{Topic: "rows"})
	stop := run(t, v.Run)
	awaitValue(t, v, "a", "1")
	stop()
	recreate(t, cfg, 1, "rows")
	v = engine.NewView(cfg, engine.Table{Topic: "rows"})
	stop = run(t, v.Run)
	awaitPhase(t, v, engine.Running)
	if got, err := v.Get("a"); got != nil || err != nil {
		t.Errorf("old row %q, %v", got, err)
	}
	produce(t, cfg, text("rows", "a", "2"))
	awaitValue(t, v, "a", "2")
	stop()
	kept, err := os.ReadDir(filepath.Join(cfg.StateDir, "views", "rows"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept %v, %v, want the new incarnation alone", kept, err)
	}
}

func TestSecondProcessOnOneStateFolderIsRefused(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 2, "rows")
	first, second := engine.NewView(cfg, engine.Table{Topic: "rows"}), engine.NewView(cfg, engine.Table{Topic: "rows"})
	stop := run(t, first.Run)
	awaitPhase(t, first, engine.Running)
	run(t, second.Run)
	awaitPhase(t, second, engine.Failed)
	for _, want := range []string{cfg.StateDir, "another process uses it", "--state-dir"} {
		if err := second.Status().Err; !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	produce(t, cfg, text("rows", "a", "1"))
	awaitStored(t, first, 1)
	stop()
	awaitPhase(t, second, engine.Running)
}

// A store whose files are broken is built anew from the table's topic.
func TestCorruptStoreIsBuiltAnew(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "in", "g-table")
	var seen log
	start := func() (stop func()) {
		return run(t, engine.NewProcessor(cfg, group(func(c *engine.Context, value []byte) {
			row, _ := c.Value().([]byte)
			seen.add(fmt.Sprintf("%s %s", c.Key(), row))
			c.SetValue(value)
		})).Run)
	}
	await := func(want ...string) {
		t.Helper()
		kafkatest.Eventually(t, patience, func() string { return fmt.Sprintf("seen %q, want %q", seen.lines(), want) },
			func() bool { return slices.Equal(seen.lines(), want) })
	}
	produce(t, cfg, text("in", "a", "1"), text("in", "b", "2"))
	stop := start()
	await("a ", "b ")
	kafkatest.Eventually(t, patience, func() string { return "offsets not committed" },
		func() bool { return committed(t, cfg, "g", "in") == 2 })
	stop()
	manifests, err := filepath.Glob(filepath.Join(cfg.StateDir, "processors", "g-table", "*", "*", "MANIFEST-*"))
	if err != nil || len(manifests) != 1 {
		t.Fatalf("manifests %v, %v", manifests, err)
	}
	if err := os.WriteFile(manifests[0], []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	start()
	produce(t, cfg, text("in", "a", "3"))
	await("a ", "b ", "a 1")
}
