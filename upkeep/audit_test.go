package upkeep_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/upkeep"
)

// ledger is both tables, with a badge that need not be what the row counts.
type ledger struct {
	rows
	users  []string
	badges map[string]inbox.Badge // instead of the row's
	items  map[string]any         // by key: inbox.Item or error
}

func newLedger() *ledger {
	return &ledger{rows: rows{}, badges: map[string]inbox.Badge{}, items: map[string]any{}}
}

// give makes a row with one unread item for each seq, with contents.
func (l *ledger) give(user string, seqs ...uint64) {
	row := inbox.State{Epoch: 1, Version: 10}
	for _, seq := range seqs {
		row.Items = append(row.Items, inbox.Entry{Seq: seq, Version: seq, Count: 1, Category: "c"})
		l.items[inbox.ItemKey(user, seq)] = inbox.Item{Seq: seq, Notification: belfry.Notification{Category: "c"}}
	}
	l.rows[user] = row
	l.users = append(l.users, user)
}

func (l *ledger) Badge(user string, now time.Time) (inbox.Badge, error) {
	if b, ok := l.badges[user]; ok {
		return b, nil
	}
	row, err := l.Stored(user)
	return row.Badge(now), err
}

// Row is the stored one: there is no board.
func (l *ledger) Row(user string) (inbox.State, error) { return l.Stored(user) }

func (l *ledger) EachUser(_ context.Context, visit func(string) error) error {
	for _, user := range l.users {
		if err := visit(user); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) Item(user string, seq uint64) (inbox.Item, bool, error) {
	switch found := l.items[inbox.ItemKey(user, seq)].(type) {
	case error:
		return inbox.Item{}, false, found
	case inbox.Item:
		return found, true, nil
	}
	return inbox.Item{}, false, nil
}

func (l *ledger) Endpoint(user string, seq uint64) (inbox.Address, bool, error) {
	switch found := l.items[inbox.EndpointKey(user, seq)].(type) {
	case error:
		return inbox.Address{}, false, found
	case inbox.Address:
		return found, true, nil
	}
	return inbox.Address{}, false, nil
}

// An endpoint without content is missed as an item is; the badge is right all the same.
func TestAuditMissesEndpoints(t *testing.T) {
	l, settled := newLedger(), false
	l.give("a", 5)
	row := l.rows["a"].(inbox.State)
	row.Reach = &inbox.Reach{Endpoints: []inbox.Endpoint{{Seq: 6, Kind: inbox.EndpointText}, {Seq: 7, Kind: inbox.EndpointText}}}
	l.rows["a"] = row
	l.items[inbox.EndpointKey("a", 6)] = inbox.Address{Seq: 6}
	a := audited(l, &settled)
	if err := a.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Waiting != 1 || s.Findings[upkeep.FindingMissing] != 0 {
		t.Errorf("under way: got %+v", s)
	}
	settled = true
	a.Again()
	if s := a.Stats(); s.Waiting != 0 || s.Findings[upkeep.FindingMissing] != 1 || s.Drift != 0 {
		t.Errorf("settled: got %+v", s)
	}
	l.items[inbox.EndpointKey("a", 7)] = inbox.Address{Seq: 7}
	a.Again()
	if s := a.Stats(); s.Waiting != 0 || s.Drift != 0 {
		t.Errorf("there: got %+v", s)
	}
}

// slowLedger takes a while for each content.
type slowLedger struct{ *ledger }

const contentTakes = 100 * time.Microsecond

func (l slowLedger) Item(user string, seq uint64) (inbox.Item, bool, error) {
	time.Sleep(contentTakes)
	return l.ledger.Item(user, seq)
}

// TestAuditLetsOthersIn holds that a full inbox is recounted with breaths in between, which
// in the bubble are all that takes time but the contents.
func TestAuditLetsOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const items = 100
		l := newLedger()
		seqs := make([]uint64, items)
		for i := range seqs {
			seqs[i] = uint64(i + 1)
		}
		l.give("a", seqs...)
		a := upkeep.NewAudit(upkeep.AuditConfig{Rows: l, Items: slowLedger{l}, Rate: 1e9, Logger: slog.New(slog.DiscardHandler)})
		began := time.Now()
		if err := a.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); a.Stats().Users != 1 || took < items*(contentTakes+time.Microsecond) {
			t.Errorf("%+v took %s, of which %s are breaths", a.Stats(), took, took-items*contentTakes)
		}
	})
}

// audited is an audit of a ledger, with what was under way settled or not.
func audited(l *ledger, settled *bool) *upkeep.Audit {
	return upkeep.NewAudit(upkeep.AuditConfig{
		Rows: l, Items: l, Rate: 1000, Logger: slog.New(slog.DiscardHandler),
		Settled: func(time.Time) bool { return *settled },
	})
}

func auditSummary(a *upkeep.Audit) string {
	s := a.Stats()
	return fmt.Sprintf("users %d drift %d waiting %d badge %d missing %d differs %d unreadable %d", s.Users, s.Drift, s.Waiting,
		s.Findings[upkeep.FindingBadge], s.Findings[upkeep.FindingMissing], s.Findings[upkeep.FindingDiffers], s.Findings[upkeep.FindingUnreadable])
}

func wantAudit(t *testing.T, a *upkeep.Audit, want string) {
	t.Helper()
	if got := auditSummary(a); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAuditFinds(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(*ledger)
		want   string
	}{
		"nothing":       {func(*ledger) {}, "users 2 drift 0 waiting 0 badge 0 missing 0 differs 0 unreadable 0"},
		"a wrong badge": {func(l *ledger) { l.miscount("a", 5) }, "users 2 drift 3 waiting 0 badge 1 missing 0 differs 0 unreadable 0"},
		"another category": {func(l *ledger) {
			l.items["a/1"] = inbox.Item{Seq: 1, Notification: belfry.Notification{Category: "d"}}
		}, "users 2 drift 1 waiting 0 badge 0 missing 0 differs 1 unreadable 0"},
		"an unreadable content": {func(l *ledger) { l.items["b/3"] = belfry.ErrCorrupt }, "users 2 drift 1 waiting 0 badge 0 missing 0 differs 0 unreadable 1"},
		"an unreadable row":     {func(l *ledger) { l.rows["b"] = belfry.ErrCorrupt }, "users 2 drift 1 waiting 0 badge 0 missing 0 differs 0 unreadable 1"},
	} {
		t.Run(name, func(t *testing.T) {
			l, settled := newLedger(), true
			l.give("a", 1, 2)
			l.give("b", 3)
			tt.damage(l)
			a := audited(l, &settled)
			if err := a.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantAudit(t, a, tt.want)
			if a.Stats().LastPass.IsZero() {
				t.Error("no pass was made")
			}
		})
	}
}

// Earlier arrivals that an item keeps have contents as well, of which one is missed.
func TestAuditMissesMembers(t *testing.T) {
	l, settled := newLedger(), true
	l.give("a", 3)
	l.keep("a", 3, 1, 2)
	a := audited(l, &settled)
	if err := a.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Again()
	wantAudit(t, a, "users 2 drift 0 waiting 0 badge 0 missing 1 differs 0 unreadable 0") // the badge is right
}

// keep has an item stand for earlier arrivals, of which the first alone has its content.
func (l *ledger) keep(user string, seq uint64, earlier ...uint64) {
	row := l.rows[user].(inbox.State)
	g := &inbox.Group{}
	for _, m := range earlier {
		g.Earlier = append(g.Earlier, inbox.Member{Seq: m})
	}
	for i := range row.Items {
		if e := &row.Items[i]; e.Seq == seq {
			e.Count, e.Group = uint32(len(earlier))+1, g
		}
	}
	l.items[inbox.ItemKey(user, earlier[0])] = inbox.Item{Seq: earlier[0]}
}

func (l *ledger) miscount(user string, unread int) {
	row, _ := l.Row(user)
	b := row.Badge(time.Now())
	b.Unread = unread
	l.badges[user] = b
}

// A content that is on its way is no drift, however long that takes; one that
// should have come is, until it is there.
func TestAuditWaitsForContents(t *testing.T) {
	l, settled := newLedger(), false
	l.give("a", 1, 2)
	gone := l.items["a/2"]
	delete(l.items, "a/2")
	a := audited(l, &settled)
	if err := a.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantAudit(t, a, "users 1 drift 0 waiting 1 badge 0 missing 0 differs 0 unreadable 0")
	a.Again()
	wantAudit(t, a, "users 2 drift 0 waiting 1 badge 0 missing 0 differs 0 unreadable 0")
	settled = true
	a.Again()
	wantAudit(t, a, "users 3 drift 1 waiting 0 badge 0 missing 1 differs 0 unreadable 0")
	a.Again()
	wantAudit(t, a, "users 4 drift 1 waiting 0 badge 0 missing 1 differs 0 unreadable 0")
	// Items that come after that have their own time.
	row, _ := l.Row("a")
	row.Version, row.Items = 11, append(row.Items, inbox.Entry{Seq: 11, Version: 11, Count: 1})
	l.rows["a"], l.items["a/2"] = row, gone
	settled = false
	a.Again()
	wantAudit(t, a, "users 5 drift 0 waiting 1 badge 0 missing 1 differs 0 unreadable 0")
	l.items["a/11"] = inbox.Item{Seq: 11}
	a.Again()
	wantAudit(t, a, "users 6 drift 0 waiting 0 badge 0 missing 1 differs 0 unreadable 0")
	a.Again() // of nobody any more
	wantAudit(t, a, "users 6 drift 0 waiting 0 badge 0 missing 1 differs 0 unreadable 0")
}

// A row that changes between the looks says nothing.
func TestAuditOfAMovingRow(t *testing.T) {
	l, settled := newLedger(), true
	l.give("a", 1)
	b := l.badges["a"]
	b.Cursor, b.Unread = inbox.Cursor{Epoch: 1, Version: 9}, 7
	l.badges["a"] = b
	a := audited(l, &settled)
	if err := a.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantAudit(t, a, "users 1 drift 0 waiting 0 badge 0 missing 0 differs 0 unreadable 0")
}

func TestAuditNotReady(t *testing.T) {
	l, settled := newLedger(), true
	l.give("a", 1)
	l.rows["a"] = belfry.ErrNotReady
	a := audited(l, &settled)
	if err := a.Pass(t.Context()); !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("got %v, want not ready", err)
	}
	wantAudit(t, a, "users 0 drift 0 waiting 0 badge 0 missing 0 differs 0 unreadable 0")
}

func TestAuditRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, settled := newLedger(), true
		l.give("a", 1)
		a := audited(l, &settled)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		time.Sleep(24 * time.Hour) // of the bubble's clock
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		// An interval is 10 minutes, give or take a quarter.
		if got := a.Stats().Users; got < 110 || got > 200 {
			t.Errorf("%d users a day, want one each 10 minutes", got)
		}
	})
}
