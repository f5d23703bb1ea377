package main

import (
	"context"
	"errors"
	"hash"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	gokacodec "github.com/lovoo/goka/codec"
	"github.com/lovoo/goka/storage"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// The tests of this file are of goka itself. Each holds one reason for a piece that
// docs/goka.md says we replace: one that fails with a newer goka says that the piece
// may go back to it.

// A record that writes nothing is committed past an older one whose write is in
// flight: after a crash the older one is lost. (engine/tracker.go)
func TestGokaCommitsPastAWriteInFlight(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("in", "held", "set"), enginetest.Text("in", "c", "ignore"))
	hold := &enginetest.Holding{Key: "held"}
	own := goka.DefaultConfig()
	own.Consumer.Offsets.Initial = sarama.OffsetOldest
	var seen enginetest.Log
	graph := goka.DefineGroup("g", goka.Input("in", new(gokacodec.String), func(ctx goka.Context, m any) {
		seen.Add(ctx.Key())
		if m == "set" {
			ctx.SetValue(m)
		}
	}), goka.Persist(new(gokacodec.String)))
	p, err := goka.NewProcessor(cfg.Brokers, graph, hold.Option(), goka.WithConsumerGroupBuilder(goka.ConsumerGroupBuilderWithConfig(own)),
		goka.WithStorageBuilder(storage.MemoryBuilder()))
	if err != nil {
		t.Fatal(err)
	}
	running(t, p.Run)
	// Else goka waits a minute for the write before it stops.
	t.Cleanup(func() { hold.Fail(errors.New("made by the test")) })
	seen.Await(t, 2)
	await.Eventually(t, await.Patience, func() string { return "goka waits for the write before it commits what comes behind" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 2 })
}

// A view waits for a record at the end of the log, and a transaction ends with none:
// it never becomes whole. (engine/table)
func TestGokaViewWaitsForTheMarkerOfATransaction(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	kafkatest.Begin(t, cfg.Brokers, "tx").Write(&kgo.Record{Topic: "rows", Key: []byte("a"), Value: []byte("1")}).Commit()
	v, err := goka.NewView(cfg.Brokers, "rows", new(gokacodec.String), goka.WithViewStorageBuilder(storage.MemoryBuilder()))
	if err != nil {
		t.Fatal(err)
	}
	running(t, v.Run)
	// It serves what it has, though it is not whole: the second reason.
	await.Eventually(t, await.Patience, func() string { return "the view has not read the row" }, func() bool {
		value, err := v.Get("a")
		return err == nil && value == "1"
	})
	// That something never comes can only be looked at for a while.
	for until := time.Now().Add(time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if v.Recovered() {
			t.Fatal("the view is whole at the end of a transaction")
		}
	}
}

// goka keeps the offset among the rows: a key of that name makes a store unreadable.
// (engine/store)
func TestGokaKeepsItsOffsetAmongTheRows(t *testing.T) {
	t.Parallel()
	s, err := storage.DefaultBuilder(t.TempDir())("rows", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Set("__offset", []byte("a row")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetOffset(0); err == nil || !strings.Contains(err.Error(), "offset") {
		t.Errorf("got %v, want an error about the offset", err)
	}
}

// goka's hash is FNV-1a, Java's murmur2: a producer in Java and goka disagree about
// most keys. (engine/kafka/hasher.go)
func TestGokaHashesUnlikeJava(t *testing.T) {
	const partitions = 12
	place := func(h hash.Hash32, key string) int32 {
		h.Write([]byte(key))
		return int32(h.Sum32()&0x7fffffff) % partitions
	}
	apart := 0
	keys := []string{"user-1", "user-2", "user-3", "user-4", "user-5", "user-6", "user-7", "user-8", "kim", "lee"}
	for _, key := range keys {
		if place(goka.DefaultHasher()(), key) != place(fnv.New32a(), key) {
			t.Fatalf("goka's hash of %q is not FNV-1a", key)
		}
		if place(fnv.New32a(), key) != kafka.Partition(key, partitions) {
			apart++
		}
	}
	if apart < len(keys)/2 {
		t.Errorf("%d of %d keys lie apart, want most", apart, len(keys))
	}
}

// goka takes a table with other partitions than its input's as it is. (engine/topicmanager.go)
func TestGokaIgnoresThatATopicDiffers(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 3, "g-table")
	topics, err := goka.DefaultTopicManagerBuilder(cfg.Brokers)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if err := topics.EnsureTableExists("g-table", 5); err != nil {
		t.Errorf("goka refuses a table of 3 partitions where 5 are wanted: %v", err)
	}
}

// running runs a processor or view of goka until the test ends. How it ends is its own affair.
func running(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}
