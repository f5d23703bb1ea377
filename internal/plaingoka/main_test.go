package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
)

// With either fold it does its job: each event is one item of its recipient, in
// both tables.
func TestFillsBothTables(t *testing.T) {
	for _, fold := range []string{foldBelfry, foldPlain} {
		t.Run(fold, func(t *testing.T) {
			t.Parallel()
			const events, users, partitions = 60, 4, 2
			prefix := belfry.Prefix("test")
			cfg := kafka.Config{Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
			topics, err := kafka.OpenTopics(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer topics.Close()
			if _, err := topics.Ensure(t.Context(), prefix.Topics(partitions), 0); err != nil {
				t.Fatal(err)
			}
			addr := parts.FreeAddr(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- run(ctx, []string{"--brokers=" + strings.Join(cfg.Brokers, ","), "--prefix", string(prefix), "--state-dir", t.TempDir(), "--metrics-addr", addr, "--fold", fold})
			}()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Errorf("run: %v", err)
				}
			}()
			await.Eventually(t, await.Patience, func() string { return "not ready" }, func() bool {
				response, err := http.Get("http://" + addr + "/readyz")
				if err != nil {
					return false
				}
				response.Body.Close()
				return response.StatusCode == http.StatusOK
			})
			feed := bench.Feed{Kafka: cfg, Prefix: prefix, Users: users, Journal: true}
			if _, err := feed.Run(t.Context(), events); err != nil {
				t.Fatal(err)
			}
			await.Eventually(t, await.Patience, func() string { return "inbox table is not full" }, func() bool {
				end, err := bench.Written(t.Context(), topics, prefix.InboxTable())
				return err == nil && end == events
			})
			rows, items := map[string]inbox.State{}, map[string]bool{}
			for p := range int32(partitions) {
				scan(t, cfg, prefix.UnreadTable(), p, func(m *sarama.ConsumerMessage) (err error) {
					rows[string(m.Key)], err = codec.DecodeState(m.Value)
					return err
				})
				scan(t, cfg, prefix.InboxTable(), p, func(m *sarama.ConsumerMessage) error {
					item, err := codec.DecodeItem(m.Value)
					items[string(m.Key)+" "+item.ID] = true
					return err
				})
			}
			if len(rows) != users || len(items) != events {
				t.Errorf("%d rows and %d items, want %d and %d", len(rows), len(items), users, events)
			}
			for i := range events {
				e := bench.Event(i, users, time.Now())
				found := 0
				for _, entry := range rows[e.Recipient].Items {
					if entry.Hash == inbox.IdentityHash(e.Source, e.ID, "") && items[inbox.ItemKey(e.Recipient, entry.Seq)+" "+e.ID] {
						found++
					}
				}
				if found != 1 {
					t.Errorf("%s is there %d times", e.ID, found)
				}
			}
		})
	}
}

func scan(t *testing.T, cfg kafka.Config, topic string, partition int32, visit func(*sarama.ConsumerMessage) error) {
	t.Helper()
	if err := table.Scan(t.Context(), cfg, topic, partition, visit); err != nil {
		t.Fatal(err)
	}
}

// gokaContext is embedded under another name, since goka.Context has a method
// Context.
type gokaContext = goka.Context

// at is the context of a record at an offset.
type at struct {
	gokaContext
	offset int64
}

func (a at) Offset() int64        { return a.offset }
func (a at) Timestamp() time.Time { return time.Time{} }

// A record that comes twice sets the folds apart.
func TestFoldsOfARedelivery(t *testing.T) {
	for name, want := range map[string]int{foldBelfry: 1, foldPlain: 2} {
		fold, err := foldOf(name)
		if err != nil {
			t.Fatal(err)
		}
		record := inbox.Record{Kind: inbox.KindNotify, Notification: bench.Event(7, 1, time.Time{})}
		row, first := fold(inbox.State{}, record, at{offset: 3})
		row, second := fold(row, record, at{offset: 3})
		if len(row.Items) != want || row.Counts(time.Time{}).Unread != want {
			t.Errorf("%s: %d items, want %d", name, len(row.Items), want)
		}
		if first.Item == nil || second.Item == nil || first.Item.ID != "evt-000000007" || second.Item.ID != first.Item.ID {
			t.Errorf("%s: contents %+v and %+v", name, first.Item, second.Item)
		}
		if same := second.Item.Seq == first.Item.Seq; same != (want == 1) {
			t.Errorf("%s: seqs %d and %d", name, first.Item.Seq, second.Item.Seq)
		}
	}
}

func TestFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"none":       nil,
		"no state":   {"--brokers", "127.0.0.1:1"},
		"other fold": {"--brokers", "127.0.0.1:1", "--state-dir", "x", "--fold", "none"},
		"other flag": {"--groups", "unread"},
	} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
