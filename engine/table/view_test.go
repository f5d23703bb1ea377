package table_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/parts"
)

func TestViewIsNotReadyBeforeItHoldsAll(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "rows")
	var rows []*sarama.ProducerMessage
	for _, value := range []string{"0", "1"} {
		for i := range 20 {
			row := enginetest.Text("rows", fmt.Sprint("key-", i), value)
			row.Partition = kafka.Partition(fmt.Sprint("key-", i), 2)
			rows = append(rows, row)
		}
	}
	enginetest.Produce(t, cfg, rows...)
	gate := make(chan struct{}, 100)
	var seen, changed enginetest.Log
	v := table.NewView(cfg, table.Definition{
		Topic: "rows",
		Accept: func(old, _ []byte) bool {
			seen.Add(string(old))
			<-gate
			return true
		},
		Changed:  func(key string, _ []byte) { changed.Add(key) },
		Replaced: func() { changed.Add("all") },
	})
	ready := func(want bool) {
		t.Helper()
		if _, err := v.Get("key-1"); errors.Is(err, belfry.ErrNotReady) == want || v.Recovered() != want {
			t.Errorf("Get: %v, Recovered: %t, want %t", err, v.Recovered(), want)
		}
	}
	ready(false)
	stop := enginetest.Run(t, v.Run)
	seen.Await(t, 1) // a fetch may bring one partition alone
	ready(false)
	if lag := v.Lag(); lag < 10 {
		t.Errorf("lag %d of a view that has begun with 20 rows", lag)
	}
	close(gate)
	enginetest.AwaitPhase(t, v, engine.Running)
	ready(true)
	enginetest.AwaitStored(t, v, len(rows))
	for _, row := range rows {
		key, _ := row.Key.Encode()
		enginetest.AwaitValue(t, v, string(key), "1")
	}
	if got, want := changed.Lines(), []string{"all"}; !slices.Equal(got, want) {
		t.Errorf("told of %v, want that all changed once", got)
	}
	stop()
	ready(false)
	if _, err := v.Get("key-1"); !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("Get of a stopped view: %v", err)
	}
}

func TestViewFollowsItsTable(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"), enginetest.Text("rows", "b", "1"))
	var changed, refused enginetest.Log
	rows := table.Definition{
		Topic:    "rows",
		Accept:   func(old, new []byte) bool { return string(new) >= string(old) },
		Refused:  func(key string) { refused.Add(key) },
		Changed:  func(key string, _ []byte) { changed.Add(key) },
		Replaced: func() { changed.Add("all") },
	}
	v := table.NewView(cfg, rows)
	stop := enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "b", "1")
	if got, err := v.Get("nobody"); got != nil || err != nil {
		t.Errorf("a key that is not there: %q, %v", got, err)
	}
	// A lower version is refused, an equal one not; null deletes whatever it is.
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "5"), enginetest.Text("rows", "a", "3"), enginetest.Text("rows", "a", "5"),
		&sarama.ProducerMessage{Topic: "rows", Key: sarama.StringEncoder("b")}, enginetest.Text("rows", "c", "1"))
	enginetest.AwaitValue(t, v, "c", "1")
	if got, err := v.Get("b"); got != nil || err != nil {
		t.Errorf("a deleted key: %q, %v", got, err)
	}
	enginetest.AwaitValue(t, v, "a", "5")
	if got, want := refused.Lines(), []string{"a"}; v.Refused() != 1 || !slices.Equal(got, want) {
		t.Errorf("%d refused, %v, want %v", v.Refused(), got, want)
	}
	if got, want := changed.Lines(), []string{"all", "a", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("changed %v, want %v", got, want)
	}
	stop()
	// Kept rows are not read again, and lag knows it.
	v = table.NewView(cfg, rows)
	enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Running)
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "4"), enginetest.Text("rows", "c", "2"))
	enginetest.AwaitValue(t, v, "c", "2")
	enginetest.AwaitStored(t, v, 9)
	enginetest.AwaitValue(t, v, "a", "5")
	if got, want := changed.Lines()[5:], []string{"all", "c"}; !slices.Equal(got, want) {
		t.Errorf("after a restart changed %v, want %v", got, want)
	}
}

func TestViewSurvivesTheBrokersRestart(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	kept := broker.Config{Addr: parts.FreeAddr(t), DataDir: t.TempDir()}
	start := func() *broker.Broker {
		t.Helper()
		b, err := broker.Start(kept)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
	b := start()
	kept.Addr = b.Addrs()[0]
	cfg.Brokers = b.Addrs()
	enginetest.CreateTopics(t, cfg, 2, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "user-0", "1"))
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, v.Run)
	user := "user-0"
	for i := 0; kafka.Partition(user, 2) != 0; i++ {
		user = fmt.Sprint("user-", i)
	}
	enginetest.Produce(t, cfg, enginetest.Text("rows", user, "2"))
	enginetest.AwaitValue(t, v, user, "2")
	for _, value := range []string{"3", "4"} {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := v.Get(user); got == nil || err != nil {
			t.Errorf("during the outage: %q, %v", got, err)
		}
		b = start()
		enginetest.Produce(t, cfg, enginetest.Text("rows", user, value))
		enginetest.AwaitValue(t, v, user, value)
		enginetest.AwaitStored(t, v, 0)
	}
	if !v.Recovered() {
		t.Error("the view is no longer recovered")
	}
}

// Reads go on while the view is built, fails and stops; they find the row or
// that it isn't ready.
func TestViewIsReadWhileItStops(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
	for range 3 {
		v := table.NewView(cfg, table.Definition{Topic: "rows"})
		stop := enginetest.Run(t, v.Run)
		end := make(chan struct{})
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for {
					select {
					case <-end:
						return
					default:
					}
					got, err := v.Get("a")
					if err == nil && string(got) != "1" || err != nil && !errors.Is(err, belfry.ErrNotReady) {
						t.Errorf("read %q, %v", got, err)
						return
					}
				}
			})
		}
		enginetest.AwaitPhase(t, v, engine.Running)
		enginetest.AwaitValue(t, v, "a", "1")
		stop()
		close(end)
		readers.Wait()
	}
}
