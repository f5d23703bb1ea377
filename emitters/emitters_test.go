package emitters_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 3
	patience   = await.Patience
)

func topics(t *testing.T) (kafka.Config, *kafka.Topics) {
	t.Helper()
	cfg := kafka.Config{Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	all, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { all.Close() })
	if _, err := all.Ensure(t.Context(), prefix.Topics(partitions), 0); err != nil {
		t.Fatal(err)
	}
	return cfg, all
}

// written is how many records were ever written to a topic.
func written(t *testing.T, all *kafka.Topics, topic string) (sum int64) {
	t.Helper()
	_, logs, err := kafka.RangesOf(t.Context(), all.Client, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		sum += log.End
	}
	return sum
}

// stoppable gives a broker with our topics, and what stops it.
func stoppable(t *testing.T) (kafka.Config, func()) {
	t.Helper()
	b, err := broker.Start(broker.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	cfg := kafka.Config{Brokers: b.Addrs(), Logger: slog.New(slog.DiscardHandler)}
	kafkatest.Install(t, cfg, prefix, partitions)
	return cfg, stop
}

func openJournal(t *testing.T, cfg kafka.Config) *emitters.Journal {
	t.Helper()
	j, err := emitters.OpenJournal(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

func consume(t *testing.T, cfg kafka.Config, topic string, partition int32, n int) []*sarama.ConsumerMessage {
	t.Helper()
	return kafkatest.Consume(t, cfg.Brokers, topic, n, partition)
}

func touch(recipient string, seq uint64) inbox.Addressed {
	return inbox.Addressed{Recipients: []string{recipient}, Record: inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{seq}}}
}

func TestJournalTellsWhereRecordsAre(t *testing.T) {
	t.Parallel()
	cfg, all := topics(t)
	j := openJournal(t, cfg)
	infos, err := all.Info(prefix.Journal())
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 5
	var writing sync.WaitGroup
	var mu sync.Mutex
	at := map[string]map[int64]uint64{} // by recipient and offset, the seq that was written
	for w := range writers {
		writing.Go(func() {
			a, b := fmt.Sprintf("사용자-%d", w), fmt.Sprintf("user-%d", w)
			var records []inbox.Addressed
			for i := range uint64(each) {
				records = append(records, touch(a, i+1), touch(b, i+1))
			}
			positions, err := j.Append(t.Context(), records...)
			if err != nil || len(positions) != len(records) {
				t.Errorf("append: %v, %v", positions, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i, p := range positions {
				if p.Epoch != infos[prefix.Journal()].ID.Epoch() {
					t.Errorf("position %v of another epoch than %d", p, infos[prefix.Journal()].ID.Epoch())
				}
				recipient := records[i].Recipients[0]
				if at[recipient] == nil {
					at[recipient] = map[int64]uint64{}
				}
				at[recipient][p.Offset] = records[i].Record.Seqs[0]
			}
		})
	}
	writing.Wait()
	counts := map[int32]int{}
	for recipient := range at {
		counts[kafka.Partition(recipient, partitions)] += each
	}
	last := map[string]uint64{}
	for partition, n := range counts {
		for _, m := range consume(t, cfg, prefix.Journal(), partition, n) {
			record, err := codec.DecodeRecord(m.Value)
			if err != nil {
				t.Fatal(err)
			}
			recipient := string(m.Key)
			if want := at[recipient][m.Offset]; record.Seqs[0] != want {
				t.Errorf("%s at %d is for seq %v, want %d", recipient, m.Offset, record.Seqs, want)
			}
			if record.Seqs[0] != last[recipient]+1 {
				t.Errorf("%s: seq %d after %d, out of order", recipient, record.Seqs[0], last[recipient])
			}
			last[recipient] = record.Seqs[0]
		}
	}
}

func TestJournalWritesNothingThatDoesNotEncode(t *testing.T) {
	t.Parallel()
	cfg, all := topics(t)
	j := openJournal(t, cfg)
	_, err := j.Append(t.Context(), touch("a", 1), inbox.Addressed{Recipients: []string{"a"}, Record: inbox.Record{Kind: 99}})
	if !errors.Is(err, belfry.ErrCorrupt) {
		t.Errorf("append: %v", err)
	}
	if end := written(t, all, prefix.Journal()); end != 0 {
		t.Errorf("%d records were written", end)
	}
	if positions, err := j.Append(t.Context()); err != nil || len(positions) != 0 {
		t.Errorf("append of nothing: %v, %v", positions, err)
	}
}

// No write of the three can be acknowledged here: what returns, returns for its
// context.
func TestWritesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	cfg, stop := stoppable(t)
	j, err := emitters.OpenJournal(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	items, err := emitters.OpenItems(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	notifications, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	t.Run("writes", func(t *testing.T) {
		for name, write := range map[string]func(context.Context) error{
			"append": func(ctx context.Context) error { _, err := j.Append(ctx, touch("a", 1)); return err },
			"remove": func(ctx context.Context) error { return items.Remove(ctx, inbox.ContentKey{Recipient: "a", Seq: 1}) },
			"emit": func(ctx context.Context) error {
				return notifications.Emit(ctx, belfry.Notification{Recipient: "a", Title: belfry.PlainText("x")})
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				outcome := make(chan error, 1)
				go func() { outcome <- write(ctx) }()
				select {
				case err := <-outcome:
					t.Fatalf("returned %v before its context ended", err)
				case <-time.After(50 * time.Millisecond):
				}
				cancel()
				select {
				case err := <-outcome:
					if !errors.Is(err, context.Canceled) {
						t.Errorf("returned %v, want the end of its context", err)
					}
				case <-time.After(patience):
					t.Error("does not return though its context has ended")
				}
			})
		}
	})
	var closing sync.WaitGroup
	for _, closer := range []func() error{j.Close, items.Close, notifications.Close} {
		closing.Go(func() { _ = closer() }) // it fails what was under way
	}
	closing.Wait()
}

func TestOpenJournalNeedsTheTopic(t *testing.T) {
	t.Parallel()
	cfg := kafka.Config{Brokers: kafkatest.Embedded(t), Logger: slog.New(slog.DiscardHandler)}
	if _, err := emitters.OpenJournal(cfg, prefix); !errors.Is(err, kafka.ErrTopic) || !strings.Contains(err.Error(), "test.journal does not exist") {
		t.Errorf("open: %v", err)
	}
}

func TestNotificationsAreCheckedAndKeyed(t *testing.T) {
	t.Parallel()
	cfg, all := topics(t)
	e, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	good := belfry.Notification{ID: "1", Recipient: "사용자-7", Title: belfry.Text{"en": "x", "ko": "안녕"}, Category: "approval"}
	bad := good
	bad.Actor.Avatar = "javascript:alert(1)"
	var fe *belfry.FieldError
	if err := e.Emit(t.Context(), good, bad); !errors.As(err, &fe) || fe.Field != "[1].actor.avatar" {
		t.Errorf("emit: %v", err)
	}
	if end := written(t, all, prefix.Notifications()); end != 0 {
		t.Errorf("%d records were written", end)
	}
	if err := e.Emit(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(chan error, 1)
	e.EmitRaw(good.Recipient, []byte("raw"), func(err error) { acknowledged <- err })
	if err := <-acknowledged; err != nil {
		t.Error(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	got := consume(t, cfg, prefix.Notifications(), kafka.Partition(good.Recipient, partitions), 2)
	message, err := belfry.ParseMessage(got[0].Value, belfry.Notification{})
	if err != nil || message.Retract || len(message.Recipients) != 1 {
		t.Fatalf("%s: %v", got[0].Value, err)
	}
	if n := message.Notification; n.ID != "1" || message.Recipients[0] != good.Recipient || n.Title["ko"] != "안녕" || n.Category != "approval" || string(got[0].Key) != good.Recipient {
		t.Errorf("key %s, read back %+v", got[0].Key, n)
	}
	if string(got[1].Value) != "raw" {
		t.Errorf("raw value is %s", got[1].Value)
	}
}

func TestNotificationsTakesBack(t *testing.T) {
	t.Parallel()
	cfg, _ := topics(t)
	e, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	byID := belfry.Retraction{Recipient: "사용자-7", Source: "/orders", ID: "1"}
	byKey := belfry.Retraction{Recipient: "사용자-7", Source: "/orders", CollapseKey: "order-1"}
	if err := e.Retract(t.Context(), byID, belfry.Retraction{Recipient: "a"}); !errors.Is(err, belfry.ErrInvalid) || !strings.Contains(err.Error(), "[1]") {
		t.Errorf("got %v, want an input error about [1]", err)
	}
	if err := e.Retract(t.Context(), byID, byKey); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	got := consume(t, cfg, prefix.Notifications(), kafka.Partition(byID.Recipient, partitions), 2)
	for i, want := range []belfry.Retraction{byID, byKey} {
		message, err := belfry.ParseMessage(got[i].Value, belfry.Notification{})
		message.Retraction.Recipient = want.Recipient // it stands beside
		if err != nil || !message.Retract || !slices.Equal(message.Recipients, []string{want.Recipient}) || message.Retraction != want || string(got[i].Key) != want.Recipient {
			t.Errorf("key %s, %s read back as %+v, %v, want %+v", got[i].Key, got[i].Value, message, err, want)
		}
	}
}

// A server that is told to stop while the brokers are gone stops.
func TestCloseDuringAnOutage(t *testing.T) {
	t.Parallel()
	cfg, stop := stoppable(t)
	e, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	j, err := emitters.OpenJournal(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), touch("a", 1)); err != nil {
		t.Fatal(err)
	}
	stop()
	outcome := make(chan error, 1)
	e.EmitRaw("a", []byte("x"), func(err error) { outcome <- err })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Append(ctx, touch("a", 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	go func() { closed <- j.Close() }()
	for range 2 {
		select {
		case <-closed:
		case <-time.After(patience):
			t.Fatal("it does not close")
		}
	}
	if err := <-outcome; err == nil {
		t.Error("a write without a broker succeeded")
	}
}
