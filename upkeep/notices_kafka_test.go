package upkeep_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/upkeep"
	"github.com/belfry/belfry/views"
)

// The contents of notices are judged by the board of their partition: a sweep leaves those
// that it holds, whatever rows store of them, and takes the rest; an audit counts them for
// each user, and misses one that is not there.
func TestUpkeepOfNotices(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u, i := views.NewUnread(cfg, prefix), views.NewInbox(cfg, prefix)
	await.Running(t, u.Run)
	await.Running(t, i.Run)
	startUnread(t, cfg, nil)
	j := openJournal(t, cfg)
	announce := func(id string) inbox.Position {
		t.Helper()
		at, err := j.Append(t.Context(), inbox.Addressed{Recipients: belfry.PartitionKeys(partitions), Record: inbox.Record{
			Kind: inbox.KindNotify, Notification: belfry.Notification{Audience: "all", ID: id, Source: "test", Title: belfry.PlainText(id)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return at[kafka.Partition("kim", partitions)]
	}
	first := announce("1")
	own := belfry.PartitionKey(kafka.Partition("kim", partitions))
	var stored inbox.State
	onBoard := func(p inbox.Position) {
		t.Helper()
		await.Eventually(t, patience, func() string { return fmt.Sprintf("the board is at version %d", stored.Version) }, func() bool {
			var err error
			stored, err = u.Stored(own)
			return err == nil && stored.Applied(p)
		})
	}
	onBoard(first)
	seq := stored.Items[0].Seq
	at, err := j.Append(t.Context(), inbox.Addressed{Recipients: []string{"kim"}, Record: inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{seq}}})
	if err != nil {
		t.Fatal(err)
	}
	awaitVersion(t, u, "kim", stored.Base+uint64(at[0].Offset)+1)
	onBoard(announce("2"))
	second := stored.Items[1].Seq

	contents := func() (keys map[string]bool) {
		t.Helper()
		keys = map[string]bool{}
		if err := i.Each(t.Context(), func(key inbox.ContentKey, _ time.Time) error {
			if key.Recipient == own {
				keys[key.String()] = true
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return keys
	}
	comes := func(want ...string) {
		t.Helper()
		all := map[string]bool{}
		for _, key := range want {
			all[key] = true
		}
		await.Eventually(t, patience, func() string { return fmt.Sprintf("contents %v, want %q", contents(), want) },
			func() bool { return fmt.Sprint(contents()) == fmt.Sprint(all) })
	}
	left := inbox.ItemKey(own, stored.Base+uint64(at[0].Offset)+1)
	put(t, cfg, prefix.InboxTable(), left, content(t, "left"))
	comes(inbox.ItemKey(own, seq), inbox.ItemKey(own, second), left)
	items, err := emitters.OpenItems(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer items.Close()
	sweep := upkeep.NewSweep(upkeep.SweepConfig{Rows: u, Contents: i, Items: items, MinAge: time.Nanosecond, Logger: quiet()})
	if err := sweep.Pass(t.Context()); err != nil || sweep.Swept() != 1 {
		t.Errorf("%d swept, %v, want what the board does not hold", sweep.Swept(), err)
	}
	comes(inbox.ItemKey(own, seq), inbox.ItemKey(own, second))

	audit := upkeep.NewAudit(upkeep.AuditConfig{
		Rows: u, Items: i, Rate: 1000, Logger: slog.New(slog.DiscardHandler), Settled: func(time.Time) bool { return true },
	})
	look := func(want string) {
		t.Helper()
		if err := audit.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		audit.Again()
		if got := auditSummary(audit); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if b, err := u.Badge("kim", time.Now()); err != nil || b.Unread != 1 {
		t.Fatalf("badge %+v, %v, want one of two notices unread", b, err)
	}
	look("users 1 drift 0 waiting 0 badge 0 missing 0 differs 0 unreadable 0")
	put(t, cfg, prefix.InboxTable(), inbox.ItemKey(own, second), nil)
	comes(inbox.ItemKey(own, seq))
	look("users 3 drift 1 waiting 0 badge 0 missing 1 differs 0 unreadable 0")
}
