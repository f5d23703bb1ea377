package processors_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
)

// later appends a notification that is delivered after a while.
func (p *path) later(t *testing.T, user, id string, in time.Duration) {
	t.Helper()
	r := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		Source: "s", ID: id, Title: belfry.PlainText(id), Time: time.Now(), DeliverAt: time.Now().Add(in),
	}}
	if _, err := p.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{user}, Record: r}); err != nil {
		t.Fatal(err)
	}
}

// awaitSettled waits until the row of each user has items that all were hidden and are
// settled.
func (p *path) awaitSettled(t *testing.T, items int, users ...string) {
	t.Helper()
	for _, user := range users {
		var row inbox.State
		await.Eventually(t, patience, func() string { return fmt.Sprintf("%s is %+v; timers %+v", user, row, p.timers.Stats()) }, func() bool {
			var err error
			row, err = p.unread.Row(user)
			settled := 0
			for i := range row.Items {
				// One that came late, on a slow machine, has no wake.
				if e := &row.Items[i]; e.Until == 0 || e.Shown != 0 {
					settled++
				}
			}
			return err == nil && settled == items
		})
	}
}

// Rows are settled by nothing but the time, over restarts, and by another process that
// has no store yet.
func TestTimersSettleRows(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := start(t, cfg)
	users := []string{"kim", "lee", "han", "사용자"}
	for _, user := range users {
		p.later(t, user, "soon", time.Second)
		p.later(t, user, "later", 2*time.Second)
	}
	p.awaitSettled(t, 2, users...)
	for _, user := range users {
		if n := p.count(user); n != 2 {
			t.Errorf("%s has %d unread, want 2", user, n)
		}
	}
	if s := p.timers.Stats(); s.Fired == 0 {
		t.Errorf("nothing was fired: %+v", s)
	}
	for i, another := range []bool{false, true} {
		for _, user := range users {
			p.later(t, user, fmt.Sprint("over-", i), 5*time.Second)
		}
		awaitDone(t, cfg)
		p.stop()
		if another {
			cfg.StateDir = t.TempDir()
		}
		p = start(t, cfg)
		p.awaitSettled(t, 3+i, users...)
	}
}

// The past is delivered at once, and counted.
func TestDeliveredAtOnceIsCounted(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := start(t, cfg)
	p.later(t, "kim", "past", -time.Minute)
	p.awaitCount(t, "kim", 1)
	if n := p.counter(t, "belfry_delivered_at_once_total", "past"); n != 1 {
		t.Errorf("counted %v, want 1", n)
	}
}

// A notice that a full board cannot hide until its time is set aside: nothing that is
// scheduled for everybody shows early. It may be sent again once there is room.
func TestNoticeThatCannotWaitIsSetAside(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	key := belfry.PartitionKey(1)
	var all []inbox.Addressed
	scheduled := func(id string) inbox.Record {
		r := announcement(id)
		r.Notification.DeliverAt = time.Now().Add(time.Hour)
		return r
	}
	for i := range inbox.MaxHidden + 1 {
		all = append(all, inbox.Addressed{Recipients: []string{key}, Record: scheduled(fmt.Sprint(i))})
	}
	if _, err := o.journal.Append(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	o.append(t, key, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: "all", Source: "it", ID: "7"}})
	o.append(t, key, scheduled("again"))
	o.start(t)
	o.done(t)
	if got := letters(t, o.cfg, 1); !strings.HasPrefix(got[0], "invalid: deliver_at: 100 notices are scheduled on the board already") {
		t.Errorf("got %q", got)
	}
	own, _ := stored(t, o.cfg, 1)
	if len(own.Notices) != inbox.MaxHidden || own.Newest() != 0 || own.State.Version != inbox.MaxHidden+3 {
		t.Errorf("%d are scheduled, version %d, the newest that shows is %d", len(own.Notices), own.State.Version, own.Newest())
	}
	o.stop()
}
