package engine_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

var errAway = errors.New("registry is away")

// patient defines a group "s" over "src" whose record "wait" waits until ready.
func patient(seen *enginetest.Log, ready *atomic.Bool) engine.Group {
	g := source(seen, startAt(engine.Start{}))
	g.Graph = goka.DefineGroup("s", goka.Input("src", engine.Bytes{}, engine.Callback(func(c *engine.Context, value []byte) {
		for string(value) == "wait" && !ready.Load() {
			if !c.Wait(10*time.Millisecond, errAway) {
				return
			}
		}
		seen.Add(string(value))
	})))
	return g
}

func isWaiting(p *engine.Processor) bool {
	held := p.Status().HeldUp
	if len(held) != 1 {
		return false
	}
	h := held[0]
	return h.Topic == "src" && h.Partition == 0 && h.Offset == 1 && h.Cause == errAway.Error() && time.Since(h.Since) < time.Hour && strings.Contains(h.String(), "src/0 waits at offset 1 since ")
}

func TestWaitingLetsNothingPass(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "src")
	now := time.Now()
	enginetest.Produce(t, cfg, rec(0, "a", now), rec(0, "wait", now), rec(0, "b", now))
	var seen enginetest.Log
	var ready atomic.Bool
	p := engine.NewProcessor(cfg, patient(&seen, &ready))
	stop := enginetest.Run(t, p.Run)
	awaitOffsets(t, cfg, "s", "src", 1)
	await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() + " tells of no waiting" }, func() bool { return isWaiting(p) })
	// It stops although a record waits, and that is read again.
	stop()
	if got := p.Status(); got.Restarts != 0 {
		t.Errorf("waiting cost a restart: %v", got)
	}
	awaitOffsets(t, cfg, "s", "src", 1)

	p = engine.NewProcessor(cfg, patient(&seen, &ready))
	enginetest.Run(t, p.Run)
	await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() + " tells of no waiting" }, func() bool { return isWaiting(p) })
	// A rebalance takes it away in the midst of waiting, and costs no restart.
	other := cfg
	other.StateDir = t.TempDir()
	second := engine.NewProcessor(other, patient(&seen, &ready))
	enginetest.Run(t, second.Run)
	await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() + " and " + second.Status().String() }, func() bool {
		return second.Status().Phase == engine.Running && (isWaiting(p) || isWaiting(second))
	})
	ready.Store(true)
	if got, want := seen.Await(t, 3), []string{"a", "wait", "b"}; !slices.Equal(got, want) {
		t.Errorf("saw %q, want %q", got, want)
	}
	awaitOffsets(t, cfg, "s", "src", 3)
	for _, m := range []*engine.Processor{p, second} {
		if s := m.Status(); s.Restarts != 0 || len(s.HeldUp) != 0 {
			t.Errorf("afterwards: %v", s)
		}
	}
}

// TestARecordAtWorkIsTold holds that a partition whose record takes long says which it
// is, and nothing once that is over.
func TestARecordAtWorkIsTold(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "src")
	enginetest.Produce(t, cfg, rec(0, "a", time.Now()), rec(0, "long", time.Now()), rec(0, "b", time.Now()))
	var seen enginetest.Log
	over := make(chan struct{})
	g := source(&seen, startAt(engine.Start{}))
	g.Graph = goka.DefineGroup("s", goka.Input("src", engine.Bytes{}, engine.Callback(func(_ *engine.Context, value []byte) {
		if string(value) == "long" {
			<-over
		}
		seen.Add(string(value))
	})))
	p := engine.NewProcessor(cfg, g)
	enginetest.Run(t, p.Run)
	await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() }, func() bool {
		held := p.Status().HeldUp
		return len(held) == 1 && held[0].Offset == 1 && held[0].Cause == "" && strings.Contains(held[0].String(), "src/0 is at work on offset 1 since ")
	})
	close(over)
	seen.Await(t, 3)
	await.Eventually(t, enginetest.Patience, func() string { return p.Status().String() }, func() bool { return len(p.Status().HeldUp) == 0 })
}

func TestTopicsThatComeAndGo(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	var seen enginetest.Log
	p := engine.NewProcessor(cfg, source(&seen, startAt(engine.Start{})))
	enginetest.Run(t, p.Run)
	enginetest.AwaitPhase(t, p, engine.Waiting)
	enginetest.CreateTopics(t, cfg, 1, "src")
	enginetest.AwaitPhase(t, p, engine.Running)
	enginetest.Produce(t, cfg, rec(0, "a", time.Now()))
	seen.Await(t, 1)
	if err := enginetest.Admin(t, cfg).DeleteTopic("src"); err != nil {
		t.Fatal(err)
	}
	enginetest.AwaitPhase(t, p, engine.Waiting)
	enginetest.CreateTopics(t, cfg, 1, "src")
	enginetest.Produce(t, cfg, rec(0, "b", time.Now()))
	if got, want := seen.Await(t, 2), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("saw %q, want %q", got, want)
	}
	if s := p.Status(); s.Restarts != 0 || s.Err != nil {
		t.Errorf("a topic that is gone counts as a failure: %v", s)
	}
}
