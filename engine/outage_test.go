package engine_test

import (
	"testing"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/parts"
)

// Writes in flight to brokers that are gone must not keep a processor from
// stopping: it is given seconds to stop, and they are read again anyway.
func TestProcessorStopsDuringAnOutage(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	kept := broker.Config{Addr: parts.FreeAddr(t), DataDir: t.TempDir()}
	b, err := broker.Start(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cfg.Brokers = b.Addrs()
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"))
	entered, gate := make(chan struct{}), make(chan struct{})
	var written enginetest.Log
	p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) {
		close(entered)
		<-gate
		c.SetValue(value)
		written.Add(c.Key())
	}))
	stop := enginetest.Run(t, p.Run)
	<-entered
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	close(gate)
	written.Await(t, 1)
	stop() // fails the test if it takes longer than patience
	// The record that was in flight is read again.
	kept.Addr = cfg.Brokers[0]
	again, err := broker.Start(kept)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	var seen enginetest.Log
	enginetest.Run(t, engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })).Run)
	seen.Await(t, 1)
}

// A connection that is dead since the broker was away must not fail the next
// look-up, which would cost a processor its session.
func TestTopicsAreFoundAfterABrokerRestart(t *testing.T) {
	t.Parallel()
	cfg, dir := enginetest.Config(t), t.TempDir()
	b, err := broker.Start(broker.Config{Addr: parts.FreeAddr(t), DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	addr := b.Addrs()[0]
	cfg.Brokers = b.Addrs()
	enginetest.CreateTopics(t, cfg, 2, "in")
	topics := enginetest.OpenTopicsOn(t, cfg)
	if _, err := topics.Info("in"); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err = broker.Start(broker.Config{Addr: addr, DataDir: dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	infos, err := topics.Info("in")
	if err != nil || infos["in"].Partitions != 2 {
		t.Errorf("after the restart: %+v, %v", infos, err)
	}
}
