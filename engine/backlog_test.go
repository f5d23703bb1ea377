package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// TestBacklogIsWhatIsNotProcessed has a group that processes nothing until it may: what it
// was sent is its backlog, of all partitions, until it is processed or the group has ended.
func TestBacklogIsWhatIsNotProcessed(t *testing.T) {
	t.Parallel()
	const each = 50
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "in", "g-table")
	var all []*sarama.ProducerMessage
	for p := range int32(2) {
		for range each {
			all = append(all, enginetest.On(p, enginetest.Text("in", fmt.Sprint("key-", p), "x")))
		}
	}
	enginetest.Produce(t, cfg, all...)
	var backlog engine.Backlog
	if n := backlog.Records() + backlog.Most(); n != 0 {
		t.Errorf("a backlog of %d before the group runs", n)
	}
	want := func(n int64) {
		t.Helper()
		await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("a backlog of %d, want %d", backlog.Records(), n) }, func() bool { return backlog.Records() == n })
	}
	run := func(callback func(*engine.Context, []byte)) (stop func()) {
		group := enginetest.Group(callback)
		group.Backlog = &backlog
		return enginetest.Run(t, engine.NewProcessor(cfg, group).Run)
	}
	stop := run(func(c *engine.Context, _ []byte) { c.Wait(time.Hour, errors.New("it may not yet")) })
	want(2 * each)
	if n := backlog.Most(); n != each {
		t.Errorf("the partition with the most has a backlog of %d, want %d", n, each)
	}
	stop()
	want(0) // it is others' now
	release := make(chan struct{})
	run(func(*engine.Context, []byte) { <-release })
	want(2 * each)
	close(release)
	want(0)
}
