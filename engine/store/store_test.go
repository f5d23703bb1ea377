package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// A table that was deleted and created again must neither hang who kept the
// old one's rows nor show them.
func TestProcessorForgetsARecreatedTable(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	var seen enginetest.Log
	// A record whose offset is not committed is read again by the next session, so each one
	// here ends once its commit is seen.
	start := func() (stop func()) {
		end := enginetest.Run(t, engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) {
			row, _ := c.Value().([]byte)
			seen.Add(fmt.Sprintf("%s+%s", row, value))
			c.SetValue(append(row, value...))
		})).Run)
		return func() {
			all := int64(len(seen.Lines()))
			await.Eventually(t, enginetest.Patience, func() string { return "offsets not committed" },
				func() bool { return enginetest.Committed(t, cfg, "g", "in") == all })
			end()
		}
	}
	stop := start()
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"), enginetest.Text("in", "a", "2"), enginetest.Text("in", "a", "3"))
	seen.Await(t, 3)
	stop()
	// Kept rows are used again ...
	stop = start()
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "4"))
	seen.Await(t, 4)
	stop()
	// ... but not those of an earlier incarnation, empty or with other rows.
	enginetest.Recreate(t, cfg, 1, "g-table")
	stop = start()
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "5"))
	seen.Await(t, 5)
	stop()
	enginetest.Recreate(t, cfg, 1, "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("g-table", "a", "new"))
	start()
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "6"))
	want := []string{"+1", "1+2", "12+3", "123+4", "+5", "new+6"}
	if got := seen.Await(t, 6); !slices.Equal(got, want) {
		t.Errorf("callbacks saw %q, want %q", got, want)
	}
}

func TestViewForgetsARecreatedTable(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"), enginetest.Text("rows", "b", "1"))
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	stop := enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "a", "1")
	stop()
	enginetest.Recreate(t, cfg, 1, "rows")
	v = table.NewView(cfg, table.Definition{Topic: "rows"})
	stop = enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	if got, err := v.Get("a"); got != nil || err != nil {
		t.Errorf("old row %q, %v", got, err)
	}
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "2"))
	enginetest.AwaitValue(t, v, "a", "2")
	stop()
	kept, err := os.ReadDir(filepath.Join(cfg.StateDir, "views", "rows"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept %v, %v, want the new incarnation alone", kept, err)
	}
}

func TestSecondProcessOnOneStateFolderIsRefused(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "rows")
	first, second := table.NewView(cfg, table.Definition{Topic: "rows"}), table.NewView(cfg, table.Definition{Topic: "rows"})
	stop := enginetest.Run(t, first.Run)
	enginetest.AwaitPhase(t, first, engine.Running)
	enginetest.Run(t, second.Run)
	enginetest.AwaitPhase(t, second, engine.Failed)
	for _, want := range []string{cfg.StateDir, "another process uses it", "--state-dir"} {
		if err := second.Status().Err; !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
	enginetest.AwaitStored(t, first, 1)
	stop()
	enginetest.AwaitPhase(t, second, engine.Running)
}

// A store whose files are broken is built anew from the table's topic.
func TestCorruptStoreIsBuiltAnew(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	var seen enginetest.Log
	start := func() (stop func()) {
		return enginetest.Run(t, engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) {
			row, _ := c.Value().([]byte)
			seen.Add(fmt.Sprintf("%s %s", c.Key(), row))
			c.SetValue(value)
		})).Run)
	}
	comes := func(want ...string) {
		t.Helper()
		await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("seen %q, want %q", seen.Lines(), want) },
			func() bool { return slices.Equal(seen.Lines(), want) })
	}
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"), enginetest.Text("in", "b", "2"))
	stop := start()
	comes("a ", "b ")
	await.Eventually(t, enginetest.Patience, func() string { return "offsets not committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 2 })
	stop()
	manifests, err := filepath.Glob(filepath.Join(cfg.StateDir, "processors", "g-table", "*", "*", "MANIFEST-*"))
	if err != nil || len(manifests) != 1 {
		t.Fatalf("manifests %v, %v", manifests, err)
	}
	if err := os.WriteFile(manifests[0], []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	start()
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "3"))
	comes("a ", "b ", "a 1")
}
