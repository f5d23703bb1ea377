package engine_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/servertest"
)

// Records that an operator's tool has a group skip, or that the log lost, are counted by
// partition, once however often it is met, and what is ours is not.
func TestSkippedRecordsAreCounted(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	var log servertest.Log
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	enginetest.CreateTopics(t, cfg, 4, "in", "g-table")
	enginetest.Form(t, cfg)
	for p := range int32(4) {
		for i := range 5 {
			enginetest.Produce(t, cfg, enginetest.On(p, enginetest.Text("in", fmt.Sprint(p, ".", i), "x")))
		}
	}
	enginetest.Commit(t, cfg, 0, 4, "") // by another program
	enginetest.Commit(t, cfg, 1, 4, "")
	enginetest.Commit(t, cfg, 2, 1, kafka.CommitMark{Epoch: enginetest.EpochOf(t, cfg, "in"), Time: kafka.NoTime}.String())
	enginetest.Commit(t, cfg, 3, 4, kafka.CommitMark{Epoch: enginetest.EpochOf(t, cfg, "in") + 1, Time: kafka.NoTime}.String())
	if err := enginetest.Admin(t, cfg).DeleteRecords("in", map[int32]int64{2: 4}); err != nil {
		t.Fatal(err)
	}
	var seen enginetest.Log
	p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) }))
	stop := enginetest.Run(t, p.Run)
	got := slices.Sorted(slices.Values(seen.Await(t, 8)))
	if want := []string{"0.4", "1.4", "2.4", "3.0", "3.1", "3.2", "3.3", "3.4"}; !slices.Equal(got, want) {
		t.Errorf("processed %v, want %v", got, want)
	}
	check := func(s engine.Status) {
		t.Helper()
		var found []string
		for _, skipped := range s.Skips {
			found = append(found, fmt.Sprint(skipped.Topic, "/", skipped.Partition, " deleted ", skipped.Deleted, " foreign ", skipped.ForeignCommits))
		}
		want := []string{"in/0 deleted 0 foreign 1", "in/1 deleted 0 foreign 1", "in/2 deleted 3 foreign 0"}
		if !slices.Equal(found, want) {
			t.Errorf("counted %q, want %q", found, want)
		}
	}
	check(p.Status())
	if n := strings.Count(log.String(), "position was committed by another program"); n != 1 || !strings.Contains(log.String(), "topic=in partition=0 offset=4 more_partitions=1") {
		t.Errorf("told %d times of the commits, want once with the first and how many more:\n%s", n, log.String())
	}
	await.Eventually(t, enginetest.Patience, func() string { return "not all is committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 5 })
	stop()
	// A commit of its own since then is no skip.
	again := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) }))
	enginetest.Run(t, again.Run)
	enginetest.Produce(t, cfg, enginetest.On(0, enginetest.Text("in", "last", "x")))
	seen.Await(t, 9)
	if s := again.Status(); len(s.Skips) != 0 {
		t.Errorf("a later start counts %+v, want nothing", s.Skips)
	}
}

// A group that a topic created anew set back to its begin has committed that itself.
func TestARewindIsNoForeignCommit(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Form(t, cfg)
	enginetest.Commit(t, cfg, 0, 2, kafka.CommitMark{Epoch: enginetest.EpochOf(t, cfg, "in") + 1, Time: kafka.NoTime}.String())
	g := enginetest.Group(func(*engine.Context, []byte) {})
	stop := enginetest.Run(t, engine.NewProcessor(cfg, g).Run)
	await.Eventually(t, enginetest.Patience, func() string { return "the begin is not committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 0 })
	stop()
	again := engine.NewProcessor(cfg, g)
	enginetest.Run(t, again.Run)
	await.Eventually(t, enginetest.Patience, func() string { return again.Status().String() },
		func() bool { return again.Status().Phase == engine.Running })
	if s := again.Status(); len(s.Skips) != 0 {
		t.Errorf("counted %+v, want nothing", s.Skips)
	}
}
