package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/kafkatest"
)

// A partition that is shorter than what was committed, or whose last processed
// record is another one, is refused; the rest goes on.
func TestShortenedPartitionsAreRefused(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 3, "in", "g-table")
	form(t, cfg)
	epoch := epochOf(t, cfg, "in")
	for p := range int32(3) {
		produce(t, cfg, on(p, text("in", fmt.Sprint("old", p), "x")), on(p, text("in", fmt.Sprint("new", p), "x")))
	}
	commit(t, cfg, 0, 5, "")
	commit(t, cfg, 1, 1, fmt.Sprintf("%08x.%d", epoch, 12345))
	var seen log
	g := group(func(c *engine.Context, _ []byte) { seen.add(c.Key()) })
	g.Positional, g.Remedy = true, "call somebody"
	p := engine.NewProcessor(cfg, g)
	run(t, p.Run)
	seen.await(t, 2)
	kafkatest.Eventually(t, patience, func() string { return "partition 2 is not committed" }, func() bool {
		response, err := admin(t, cfg).ListConsumerGroupOffsets("g", map[string][]int32{"in": {2}})
		return err == nil && response.GetBlock("in", 2).Offset == 2
	})
	if got := seen.await(t, 2); strings.Join(got, " ") != "old2 new2" {
		t.Errorf("processed %v, want partition 2 alone", got)
	}
	s := p.Status()
	if len(s.Refused) != 2 || s.Refused[0].Partition != 0 || s.Refused[1].Partition != 1 || s.Phase != engine.Running {
		t.Errorf("status %v, want partitions 0 and 1 refused and the rest running", s)
	}
	if text := s.String(); !strings.Contains(text, "refuses in/0: it ends at offset 2, but records up to 4 were processed: call somebody") {
		t.Errorf("status %q does not say what is refused and why", text)
	}
}

// Once the topic is another one, what was refused is read, without a restart.
func TestARefusalEndsWithItsTopic(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "in", "g-table")
	form(t, cfg)
	produce(t, cfg, text("in", "old", "x"))
	commit(t, cfg, 0, 5, "")
	var seen log
	g := group(func(c *engine.Context, _ []byte) { seen.add(c.Key()) })
	g.Positional = true
	p := engine.NewProcessor(cfg, g)
	run(t, p.Run)
	kafkatest.Eventually(t, patience, func() string { return p.Status().String() },
		func() bool { return len(p.Status().Refused) == 1 })
	recreate(t, cfg, 1, "in")
	produce(t, cfg, text("in", "new", "x"))
	if got := seen.await(t, 1); got[0] != "new" {
		t.Errorf("processed %v", got)
	}
	if s := p.Status(); len(s.Refused) != 0 {
		t.Errorf("status %v, want nothing refused", s)
	}
}

// To a group for which offsets mean nothing it is enough to read again.
func TestShortenedPartitionsAreReadAgain(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "in", "g-table")
	form(t, cfg)
	produce(t, cfg, text("in", "a", "x"), text("in", "b", "x"))
	commit(t, cfg, 0, 5, "")
	var seen log
	run(t, engine.NewProcessor(cfg, group(func(c *engine.Context, _ []byte) { seen.add(c.Key()) })).Run)
	if got := seen.await(t, 2); strings.Join(got, " ") != "a b" {
		t.Errorf("processed %v, want all", got)
	}
}

// What was committed says which log and which record it belongs to: a topic
// that was created again is read from its begin even if it is longer by now.
func TestACommitOfAnotherIncarnationIsNotTaken(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "in", "g-table")
	form(t, cfg)
	produce(t, cfg, text("in", "a", "x"), text("in", "b", "x"), text("in", "c", "x"))
	commit(t, cfg, 0, 2, fmt.Sprintf("%08x.%d", epochOf(t, cfg, "in")+1, 12345))
	var seen log
	g := group(func(c *engine.Context, _ []byte) { seen.add(c.Key()) })
	g.Positional = true
	stop := run(t, engine.NewProcessor(cfg, g).Run)
	if got := seen.await(t, 3); strings.Join(got, " ") != "a b c" {
		t.Errorf("processed %v, want all", got)
	}
	kafkatest.Eventually(t, patience, func() string { return "not all is committed" },
		func() bool { return committed(t, cfg, "g", "in") == 3 })
	stop()
	// The next start goes on from there.
	produce(t, cfg, text("in", "d", "x"))
	again := engine.NewProcessor(cfg, g)
	run(t, again.Run)
	if got := seen.await(t, 4); got[3] != "d" || len(again.Status().Refused) != 0 {
		t.Errorf("then processed %v, status %v", got[3:], again.Status())
	}
}

// A topic that is deleted and created again while a session reads it: its
// records are processed under its own identity.
func TestRecreatedWithinASession(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	createTopics(t, cfg, 1, "in", "g-table")
	produce(t, cfg, text("in", "a", "x"), text("in", "b", "x"))
	var seen log
	var current engine.TopicInfo
	g := group(func(c *engine.Context, _ []byte) { seen.add(fmt.Sprintf("%s %x", c.Key(), current.ID)) })
	g.Positional = true
	g.OnSession = func(infos map[string]engine.TopicInfo) { current = infos["in"] }
	run(t, engine.NewProcessor(cfg, g).Run)
	seen.await(t, 2)
	recreate(t, cfg, 1, "in")
	topics, err := engine.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	infos, err := topics.Info("in")
	if err != nil {
		t.Fatal(err)
	}
	// The third has the offset that the session waits for.
	produce(t, cfg, text("in", "c", "x"), text("in", "d", "x"), text("in", "e", "x"))
	for _, key := range []string{"c", "d", "e"} {
		want := fmt.Sprintf("%s %x", key, infos["in"].ID)
		kafkatest.Eventually(t, patience, func() string { return want + " is not processed" },
			func() bool { return slices.Contains(seen.lines(), want) })
	}
}
