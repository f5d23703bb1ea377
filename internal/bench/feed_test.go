package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/kafkatest"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 3
	patience   = await.Patience
)

func started(t *testing.T) kafka.Config {
	t.Helper()
	return kafkatest.Installation(t, prefix, partitions)
}

// received collects what a follower sees until the test ends.
type received struct {
	mu      sync.Mutex
	records []*kgo.Record
}

func follow(t *testing.T, cfg kafka.Config, topic string) *received {
	t.Helper()
	f, err := bench.Follow(t.Context(), cfg, topic)
	if err != nil {
		t.Fatal(err)
	}
	r := &received{}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx, func(rec *kgo.Record, at time.Time) {
			if at.IsZero() {
				t.Error("received at no time")
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.records = append(r.records, rec)
		}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		f.Close()
	})
	return r
}

func (r *received) await(t *testing.T, n int) []*kgo.Record {
	t.Helper()
	await.Eventually(t, patience, func() string { return fmt.Sprintf("%d records", n) }, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.records) >= n
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// A follower passes over the records that were there before it was opened, and misses
// none after.
func TestFeedAndFollow(t *testing.T) {
	cfg := started(t)
	const before, n, users = 30, 60, 7
	feed := bench.Feed{Kafka: cfg, Prefix: prefix, Users: users, Journal: true}
	if got, err := feed.Run(t.Context(), before); got != before || err != nil {
		t.Fatalf("wrote %d, %v", got, err)
	}
	got := follow(t, cfg, prefix.Journal())
	due := map[string]time.Time{}
	feed.First, feed.Rate, feed.Due = before, 1000, func(id string, at time.Time) { due[id] = at }
	if written, err := feed.Run(t.Context(), n); written != n || err != nil {
		t.Fatalf("wrote %d, %v", written, err)
	}
	for _, r := range got.await(t, n) {
		record, err := codec.DecodeRecord(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if record.Kind != inbox.KindNotify || due[record.Notification.ID].IsZero() {
			t.Errorf("%s %s was not sent now", record.Kind, record.Notification.ID)
		}
		if want := kafka.Partition(string(r.Key), partitions); r.Partition != want {
			t.Errorf("%s is in partition %d, want %d", r.Key, r.Partition, want)
		}
	}
	if len(due) != n {
		t.Errorf("%d were due, want %d", len(due), n)
	}
	first, last := due["evt-000000030"], due["evt-000000089"]
	if got, want := last.Sub(first), 59*time.Millisecond; got != want {
		t.Errorf("the last was due %s after the first, want %s", got, want)
	}
}

// An event for many is one message for that many users, in turn.
func TestFeedForMany(t *testing.T) {
	cfg := started(t)
	got := follow(t, cfg, prefix.Notifications())
	feed := bench.Feed{Kafka: cfg, Prefix: prefix, Users: 7, Recipients: 5}
	if written, err := feed.Run(t.Context(), 3); written != 3 || err != nil {
		t.Fatalf("wrote %d, %v", written, err)
	}
	counts := map[string]int{}
	for _, r := range got.await(t, 3) {
		m, err := belfry.ParseRecord(r.Value, belfry.Notification{})
		if err != nil || len(m.Recipients) != 5 {
			t.Fatalf("%s: %v", r.Value, err)
		}
		for _, user := range m.Recipients {
			counts[user]++
		}
	}
	for i := range 7 {
		if n := counts[bench.Recipient(i, 7)]; n < 2 || n > 3 {
			t.Errorf("user %d got %d of 15", i, n)
		}
	}
}

// Without a number a feed goes on until it is told to stop, and that is no
// error; with one it is.
func TestFeedStops(t *testing.T) {
	cfg := started(t)
	got := follow(t, cfg, prefix.Notifications())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	finished := make(chan error, 1)
	written := 0
	go func() {
		feed := bench.Feed{Kafka: cfg, Prefix: prefix, Users: 3, Rate: 500}
		var err error
		written, err = feed.Run(ctx, 0)
		finished <- err
	}()
	got.await(t, 20)
	stop()
	if err := <-finished; err != nil {
		t.Error(err)
	}
	records := got.await(t, written)
	if len(records) != written {
		t.Errorf("%d records of %d written", len(records), written)
	}
	var n belfry.Notification
	if err := json.Unmarshal(records[0].Value, &n); err != nil || n.Recipient != string(records[0].Key) || n.Check() != nil {
		t.Errorf("%s: %v", records[0].Value, err)
	}
	feed := bench.Feed{Kafka: cfg, Prefix: prefix, Users: 3, Rate: 1}
	if _, err := feed.Run(ctx, 10); err == nil {
		t.Error("a feed that was cut short is no error")
	}
}
