package upkeep_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/upkeep"
	"github.com/belfry/belfry/views"
)

// tableLog is the last records of the inbox table's topic.
type tableLog struct{ cfg kafka.Config }

func (b tableLog) last(ctx context.Context) (map[string]*sarama.ConsumerMessage, error) {
	last := map[string]*sarama.ConsumerMessage{}
	for p := range int32(partitions) {
		if err := table.Scan(ctx, b.cfg, prefix.InboxTable(), p, func(m *sarama.ConsumerMessage) error {
			last[string(m.Key)] = m
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func (b tableLog) Each(ctx context.Context, visit func(inbox.ContentKey, time.Time) error) error {
	last, err := b.last(ctx)
	if err != nil {
		return err
	}
	for key, m := range last {
		if k, ok := inbox.ParseContentKey(key); ok && m.Value != nil {
			if err := visit(k, m.Timestamp); err != nil {
				return err
			}
		}
	}
	return nil
}

// countedLog counts how often it was gone through.
type countedLog struct {
	tableLog
	begun atomic.Int64
}

func (b *countedLog) Each(ctx context.Context, visit func(inbox.ContentKey, time.Time) error) error {
	b.begun.Add(1)
	return b.tableLog.Each(ctx, visit)
}

// await waits until the table holds exactly those keys.
func (b tableLog) await(t *testing.T, want ...string) {
	t.Helper()
	var got map[string]*sarama.ConsumerMessage
	held := func() (keys []string) {
		for key, m := range got {
			if m.Value != nil {
				keys = append(keys, key)
			}
		}
		return keys
	}
	await.Eventually(t, patience, func() string { return fmt.Sprintf("the table holds %q, want %q", held(), want) }, func() bool {
		var err error
		if got, err = b.last(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, key := range want {
			if m := got[key]; m == nil || m.Value == nil {
				return false
			}
		}
		return len(held()) == len(want)
	})
}

// startUnread runs the processor that writes the tables.
func startUnread(t *testing.T, cfg kafka.Config, rows processors.Reports) {
	t.Helper()
	dead := enginetest.OpenDead(t, cfg, prefix.DeadLetters())
	deps := processors.Deps{Prefix: prefix, DeadLetters: dead, Metrics: processors.NewMetrics(prometheus.NewRegistry()), Rows: rows, Features: inbox.DefaultFeatures}
	p := engine.NewProcessor(cfg, processors.NewUnread(deps, 0).Group())
	await.Running(t, p.Run)
	await.Eventually(t, patience, func() string { return p.Status().String() },
		func() bool { return p.Status().Phase == engine.Running })
}

func openJournal(t *testing.T, cfg kafka.Config) *emitters.Journal {
	t.Helper()
	j, err := emitters.OpenJournal(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func note(recipient, title string) inbox.Addressed {
	return inbox.Addressed{Recipients: []string{recipient}, Record: inbox.Record{
		Kind: inbox.KindNotify, Notification: belfry.Notification{ID: title, Source: "test", Title: belfry.PlainText(title)}}}
}

// notify writes that many notifications and gives the row that they lead to.
func notify(t *testing.T, j *emitters.Journal, u *views.Unread, recipient string, n int) inbox.State {
	t.Helper()
	var records []inbox.Addressed
	for i := range n {
		records = append(records, note(recipient, fmt.Sprint(i)))
	}
	positions, err := j.Append(t.Context(), records...)
	if err != nil {
		t.Fatal(err)
	}
	var row inbox.State
	await.Eventually(t, patience, func() string { return fmt.Sprintf("%s is at version %d", recipient, row.Version) }, func() bool {
		row, err = u.Row(recipient)
		return err == nil && row.Applied(positions[n-1])
	})
	return row
}

// openSweep returns a sweep of what is older than age.
func openSweep(t *testing.T, cfg kafka.Config, u *views.Unread, all upkeep.Contents, age time.Duration) *upkeep.Sweep {
	t.Helper()
	items, err := emitters.OpenItems(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := items.Close(); err != nil {
			t.Error(err)
		}
	})
	return upkeep.NewSweep(upkeep.SweepConfig{
		Rows: u, Contents: all, Items: items, Interval: 50 * time.Millisecond, MinAge: age, Logger: quiet(),
	})
}

func TestSweepTakesOrphansOutOfTheTable(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u := views.NewUnread(cfg, prefix)
	await.Running(t, u.Run)
	startUnread(t, cfg, nil)
	j := openJournal(t, cfg)
	row := notify(t, j, u, "사용자-7", 3)
	// A content that no row holds, as a late write of a paused owner leaves it,
	// and one that a row may hold yet.
	gone, next := row.Items[0].Seq, row.Version+100
	if _, err := j.Append(t.Context(), inbox.Addressed{Recipients: []string{"사용자-7"}, Record: inbox.Record{Kind: inbox.KindDelete, Seqs: []uint64{gone}}}); err != nil {
		t.Fatal(err)
	}
	held := []string{inbox.ItemKey("사용자-7", row.Items[1].Seq), inbox.ItemKey("사용자-7", row.Items[2].Seq)}
	b := tableLog{cfg}
	b.await(t, held...)
	put(t, cfg, prefix.InboxTable(), inbox.ItemKey("사용자-7", gone), content(t, "left"))
	put(t, cfg, prefix.InboxTable(), inbox.ItemKey("사용자-7", next), content(t, "to come"))
	put(t, cfg, prefix.InboxTable(), inbox.ItemKey("nobody", 1), content(t, "of nobody"))
	held = append(held, inbox.ItemKey("사용자-7", next), inbox.ItemKey("nobody", 1))
	b.await(t, append(held, inbox.ItemKey("사용자-7", gone))...)

	patient := openSweep(t, cfg, u, b, time.Hour)
	if err := patient.Pass(t.Context()); err != nil || patient.Swept() != 0 {
		t.Errorf("%d swept (%v) that are younger than an hour", patient.Swept(), err)
	}
	b.await(t, append(held, inbox.ItemKey("사용자-7", gone))...)
	// Two servers at once.
	counted := &countedLog{tableLog: b}
	one, two := openSweep(t, cfg, u, counted, time.Nanosecond), openSweep(t, cfg, u, b, time.Nanosecond)
	await.Running(t, one.Run)
	await.Running(t, two.Run)
	b.await(t, held...)
	await.Eventually(t, patience, func() string { return fmt.Sprintf("%d and %d swept", one.Swept(), two.Swept()) },
		func() bool { return one.Swept()+two.Swept() >= 1 })
	// And what is held is left alone by the passes that follow.
	begun := counted.begun.Load()
	await.Eventually(t, patience, func() string { return "no further pass" }, func() bool { return counted.begun.Load() >= begun+2 })
	b.await(t, held...)
}

// The owner dies in an erase: the row is written, the tombstones are not.
func TestSweepFinishesAnErase(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u := views.NewUnread(cfg, prefix)
	await.Running(t, u.Run)
	t.Run("notify", func(t *testing.T) {
		startUnread(t, cfg, nil)
		j := openJournal(t, cfg)
		notify(t, j, u, "erased", 3)
		notify(t, j, u, "other", 1)
		at, err := j.Append(t.Context(), inbox.Addressed{Recipients: []string{"erased"}, Record: inbox.Record{
			Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointText, Target: "room"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		awaitVersion(t, u, "erased", uint64(at[0].Offset)+1)
	})
	row, err := u.Row("erased")
	if err != nil {
		t.Fatal(err)
	}
	other, err := u.Row("other")
	if err != nil {
		t.Fatal(err)
	}
	held := inbox.ItemKey("other", other.Items[0].Seq)
	all := []string{held}
	for _, e := range row.Items {
		all = append(all, inbox.ItemKey("erased", e.Seq))
	}
	all = append(all, inbox.EndpointKey("erased", row.Reach.Endpoints[0].Seq))
	erased, effects := inbox.Fold(row, inbox.Record{Kind: inbox.KindErase}, inbox.Input{
		Position: inbox.Position{Epoch: row.Epoch, Offset: int64(row.Version - row.Base)}, Time: time.Now()})
	if len(effects.Removed) != 3 || len(effects.GoneEndpoints) != 1 {
		t.Fatalf("an erase removes %v and endpoints %v", effects.Removed, effects.GoneEndpoints)
	}
	value, err := codec.EncodeState(&erased)
	if err != nil {
		t.Fatal(err)
	}
	put(t, cfg, prefix.UnreadTable(), "erased", value)
	awaitVersion(t, u, "erased", erased.Version)

	startUnread(t, cfg, nil)
	b := tableLog{cfg}
	b.await(t, all...)
	s := openSweep(t, cfg, u, tableLog{cfg}, time.Nanosecond)
	if err := s.Pass(t.Context()); err != nil || s.Swept() != 4 {
		t.Errorf("%d swept, want 4: %v", s.Swept(), err)
	}
	b.await(t, held)
}
