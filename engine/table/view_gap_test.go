package table_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/parts"
)

// keptBroker is a broker whose data outlives it.
type keptBroker struct {
	t   *testing.T
	cfg broker.Config
	b   *broker.Broker
}

func (k *keptBroker) start() []string {
	k.t.Helper()
	b, err := broker.Start(k.cfg)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { b.Close() })
	k.b = b
	return b.Addrs()
}

func (k *keptBroker) stop() {
	k.t.Helper()
	if err := k.b.Close(); err != nil {
		k.t.Fatal(err)
	}
}

// elsewhere lets f use the broker where nobody but f knows it.
func (k *keptBroker) elsewhere(f func(brokers []string)) {
	k.t.Helper()
	addr := k.cfg.Addr
	k.cfg.Addr = "127.0.0.1:0"
	f(k.start())
	k.stop()
	k.cfg.Addr = addr
}

func keep(t *testing.T) (*keptBroker, kafka.Config) {
	t.Helper()
	cfg := enginetest.Config(t)
	k := &keptBroker{t: t, cfg: broker.Config{Addr: parts.FreeAddr(t), DataDir: filepath.Join(t.TempDir(), "data")}}
	cfg.Brokers = k.start()
	k.cfg.Addr = cfg.Brokers[0]
	return k, cfg
}

// keyOfFirst is a key of partition 0 of two.
func keyOfFirst(prefix string) string {
	for i := 0; ; i++ {
		if key := fmt.Sprint(prefix, i); kafka.Partition(key, 2) == 0 {
			return key
		}
	}
}

// alwaysReads fails the test if the row cannot be read or is none of the
// values, until the returned function is called.
func alwaysReads(t *testing.T, v *table.View, key string, values ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			got, err := v.Get(key)
			ok := false
			for _, value := range values {
				ok = ok || err == nil && (value == "" && got == nil || value != "" && string(got) == value)
			}
			if !ok {
				t.Errorf("read %s %q, %v", key, got, err)
				return
			}
		}
	})
	return func() {
		cancel()
		reading.Wait()
	}
}

// Records that were removed before the view has seen them: what it has may be
// wrong in any row, so it reads anew, and answers with what it had until then.
func TestViewNoticesThatRecordsWereRemoved(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %t", running), func(t *testing.T) {
			t.Parallel()
			k, cfg := keep(t)
			enginetest.CreateTopics(t, cfg, 2, "rows")
			erased, other := keyOfFirst("erased-"), keyOfFirst("other-")
			enginetest.Produce(t, cfg, enginetest.Text("rows", erased, "1"), enginetest.Text("rows", other, "1"))
			var told enginetest.Log
			rows := table.Definition{Topic: "rows", Replaced: func() { told.Add("all") }}
			v := table.NewView(cfg, rows)
			stop := enginetest.Run(t, v.Run)
			enginetest.AwaitStored(t, v, 2)
			enginetest.AwaitValue(t, v, erased, "1")
			if !running {
				stop()
			}
			k.stop()
			k.elsewhere(func(brokers []string) {
				there := cfg
				there.Brokers = brokers
				enginetest.Produce(t, there, tombstone("rows", erased), enginetest.Text("rows", other, "2"), enginetest.Text("rows", other, "3"))
				if err := enginetest.Admin(t, there).DeleteRecords("rows", map[int32]int64{0: 4}); err != nil {
					t.Fatal(err)
				}
			})
			reading := func() {}
			if running {
				reading = alwaysReads(t, v, other, "1", "3")
			} else {
				v = table.NewView(cfg, rows)
				enginetest.Run(t, v.Run)
			}
			k.start()
			enginetest.AwaitValue(t, v, other, "3")
			reading()
			if got, err := v.Get(erased); got != nil || err != nil {
				t.Errorf("the row whose tombstone was removed: %q, %v", got, err)
			}
			enginetest.AwaitStored(t, v, 5)
			told.Await(t, 2)
			var left []string
			await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("kept %v, want what is used alone", left) }, func() bool {
				left, _ = filepath.Glob(filepath.Join(cfg.StateDir, "views", "rows", "*"))
				return len(left) == 1
			})
		})
	}
}

// A log that was restored from a backup is the same topic and shorter.
func TestViewNoticesThatTheLogBecameShorter(t *testing.T) {
	t.Parallel()
	k, cfg := keep(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
	k.stop()
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(k.cfg.DataDir)); err != nil {
		t.Fatal(err)
	}
	k.start()
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "2"), enginetest.Text("rows", "b", "2"))
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "b", "2")
	k.stop()
	k.cfg.DataDir = backup
	reading := alwaysReads(t, v, "a", "1", "2")
	k.start()
	enginetest.AwaitValue(t, v, "a", "1")
	reading()
	enginetest.AwaitValue(t, v, "b", "")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "b", "3"))
	enginetest.AwaitValue(t, v, "b", "3")
}

// The rows of a topic that was deleted are not those of the new one, also for
// who was looking on.
func TestViewFollowsARecreatedTable(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"), enginetest.Text("rows", "b", "1"))
	var told enginetest.Log
	v := table.NewView(cfg, table.Definition{Topic: "rows", Replaced: func() { told.Add("all") }})
	enginetest.Run(t, v.Run)
	enginetest.AwaitValue(t, v, "a", "1")
	enginetest.Recreate(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "2"), enginetest.Text("rows", "c", "2"), enginetest.Text("rows", "d", "2"))
	enginetest.AwaitValue(t, v, "d", "2")
	enginetest.AwaitValue(t, v, "b", "")
	told.Await(t, 2)
}
