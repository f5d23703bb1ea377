package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// A partition that is shorter than what was committed, or whose last processed
// record is another one, is refused; the rest goes on.
func TestShortenedPartitionsAreRefused(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 3, "in", "g-table")
	enginetest.Form(t, cfg)
	epoch := enginetest.EpochOf(t, cfg, "in")
	for p := range int32(3) {
		enginetest.Produce(t, cfg, enginetest.On(p, enginetest.Text("in", fmt.Sprint("old", p), "x")), enginetest.On(p, enginetest.Text("in", fmt.Sprint("new", p), "x")))
	}
	enginetest.Commit(t, cfg, 0, 5, "")
	enginetest.Commit(t, cfg, 1, 1, fmt.Sprintf("%08x.%d", epoch, 12345))
	var seen enginetest.Log
	g := enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })
	g.Positional, g.Remedy = true, "call somebody"
	p := engine.NewProcessor(cfg, g)
	enginetest.Run(t, p.Run)
	seen.Await(t, 2)
	await.Eventually(t, enginetest.Patience, func() string { return "partition 2 is not committed" }, func() bool {
		response, err := enginetest.Admin(t, cfg).ListConsumerGroupOffsets("g", map[string][]int32{"in": {2}})
		return err == nil && response.GetBlock("in", 2).Offset == 2
	})
	if got := seen.Await(t, 2); strings.Join(got, " ") != "old2 new2" {
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
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Form(t, cfg)
	enginetest.Produce(t, cfg, enginetest.Text("in", "old", "x"))
	enginetest.Commit(t, cfg, 0, 5, "")
	var seen enginetest.Log
	g := enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })
	g.Positional = true
	p := engine.NewProcessor(cfg, g)
	enginetest.Run(t, p.Run)
	await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() },
		func() bool { return len(p.Status().Refused) == 1 })
	enginetest.Recreate(t, cfg, 1, "in")
	enginetest.Produce(t, cfg, enginetest.Text("in", "new", "x"))
	if got := seen.Await(t, 1); got[0] != "new" {
		t.Errorf("processed %v", got)
	}
	if s := p.Status(); len(s.Refused) != 0 {
		t.Errorf("status %v, want nothing refused", s)
	}
}

// To a group for which offsets mean nothing it is enough to read again.
func TestShortenedPartitionsAreReadAgain(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Form(t, cfg)
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"), enginetest.Text("in", "b", "x"))
	enginetest.Commit(t, cfg, 0, 5, "")
	var seen enginetest.Log
	enginetest.Run(t, engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })).Run)
	if got := seen.Await(t, 2); strings.Join(got, " ") != "a b" {
		t.Errorf("processed %v, want all", got)
	}
}

// A commit says of which log and which record it is: a topic that was created again is
// read from the start even if it is longer by now.
func TestACommitOfAnotherIncarnationIsNotTaken(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Form(t, cfg)
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"), enginetest.Text("in", "b", "x"), enginetest.Text("in", "c", "x"))
	enginetest.Commit(t, cfg, 0, 2, fmt.Sprintf("%08x.%d", enginetest.EpochOf(t, cfg, "in")+1, 12345))
	var seen enginetest.Log
	g := enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })
	g.Positional = true
	stop := enginetest.Run(t, engine.NewProcessor(cfg, g).Run)
	if got := seen.Await(t, 3); strings.Join(got, " ") != "a b c" {
		t.Errorf("processed %v, want all", got)
	}
	await.Eventually(t, enginetest.Patience, func() string { return "not all is committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 3 })
	stop()
	// The next start goes on from there.
	enginetest.Produce(t, cfg, enginetest.Text("in", "d", "x"))
	again := engine.NewProcessor(cfg, g)
	enginetest.Run(t, again.Run)
	if got := seen.Await(t, 4); got[3] != "d" || len(again.Status().Refused) != 0 {
		t.Errorf("then processed %v, status %v", got[3:], again.Status())
	}
}

// A topic that is deleted and created again while a session reads it: its
// records are processed under its own identity.
func TestRecreatedWithinASession(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"), enginetest.Text("in", "b", "x"))
	var seen enginetest.Log
	var current kafka.TopicInfo
	g := enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(fmt.Sprintf("%s %x", c.Key(), current.ID)) })
	g.Positional = true
	g.OnSession = func(infos map[string]kafka.TopicInfo) { current = infos["in"] }
	enginetest.Run(t, engine.NewProcessor(cfg, g).Run)
	seen.Await(t, 2)
	enginetest.Recreate(t, cfg, 1, "in")
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	infos, err := topics.Info("in")
	if err != nil {
		t.Fatal(err)
	}
	// The third has the offset that the session waits for.
	enginetest.Produce(t, cfg, enginetest.Text("in", "c", "x"), enginetest.Text("in", "d", "x"), enginetest.Text("in", "e", "x"))
	for _, key := range []string{"c", "d", "e"} {
		want := fmt.Sprintf("%s %x", key, infos["in"].ID)
		await.Eventually(t, enginetest.Patience, func() string { return want + " is not processed" },
			func() bool { return slices.Contains(seen.Lines(), want) })
	}
}
