package stream

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// scriptStep is one thing that happens; n and m choose what it happens to.
type scriptStep struct {
	do   string
	n, m int
}

var scriptSteps = rapid.Custom(func(t *rapid.T) scriptStep {
	return scriptStep{
		// Often the journal grows, now and then something breaks.
		do: rapid.SampledFrom([]string{
			"notify", "notify", "notify", "collapse", "expiring", "scheduled", "command", "command", "command", "snooze", "snooze", "unsnooze", "mute", "retract", "touch",
			"views", "views", "views", "views", "time", "time", "connect", "connect", "cut", "narrow", "room", "room", "hang up", "epoch", "erase",
		}).Draw(t, "do"),
		n: rapid.IntRange(0, 20).Draw(t, "n"),
		m: rapid.IntRange(0, 20).Draw(t, "m"),
	}
})

// TestStreamTellsTheTruth holds that a client which loses its connection at any
// byte and comes back to a server at any lag ends with what the tables hold.
func TestStreamTellsTheTruth(t *testing.T) {
	rounds := 10 // of 100 scripts: what goes wrong takes some bad luck
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				script := rapid.SliceOfN(scriptSteps, 20, 100).Draw(rt, "script")
				var err error
				synctest.Test(t, func(*testing.T) { err = play(script) })
				if err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

func play(script []scriptStep) error {
	h := newHistory(5)
	servers := []*replica{newReplica(h), newReplica(h)}
	f := newFollower(servers)
	f.connect(0, -1)
	defer f.disconnect()
	for i, step := range script {
		step.run(h, servers, f, i)
		synctest.Wait()
		if err := f.receive(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	f.disconnect() // before what it still lacks can come
	if err := f.receive(); err != nil {
		return err
	}
	for _, r := range servers {
		r.catchUp()
	}
	for range 2 { // the first may find that it must list
		f.disconnect()
		f.connect(0, -1)
		servertest.After(5 * time.Second)
		if err := f.receive(); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	return f.compare(h.state())
}

func (s scriptStep) run(h *history, servers []*replica, f *follower, i int) {
	r := servertest.Note(fmt.Sprint(i))
	r.Notification.Priority = belfry.Priority(s.n%4 - 1)
	switch s.do {
	case "collapse":
		r.Notification.CollapseKey = fmt.Sprint(s.n % 2)
	case "expiring":
		r.Notification.ExpiresAt = time.Now().Add(time.Duration(1+s.n) * 500 * time.Millisecond)
	case "scheduled":
		r.Notification.DeliverAt = time.Now().Add(time.Duration(s.n) * 300 * time.Millisecond)
		if s.m%3 == 0 {
			r.Notification.CollapseKey = fmt.Sprint(s.n % 2)
		}
	case "snooze", "unsnooze":
		r = inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{uint64(s.m)}, Until: time.Now().Add(time.Duration(s.n)*300*time.Millisecond - time.Second).UnixMilli()}
		if s.do == "unsnooze" {
			r.Kind, r.Until = inbox.KindUnsnooze, 0
		}
		if items := h.state().Items; len(items) > 0 {
			r.Seqs[0] = items[s.m%len(items)].Seq
		}
	case "mute":
		r = inbox.Record{Kind: inbox.KindMute + inbox.Kind(s.n%2), Category: "c"}
	case "retract":
		r = inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{ID: fmt.Sprint(s.n)}}
	case "command":
		r = inbox.Record{Kind: inbox.KindSeen + inbox.Kind(s.n%6)}
		if items := h.state().Items; s.m%4 == 0 && r.Kind.TakesHorizon() {
			r.UpTo = uint64(s.m) * 3
		} else if len(items) > 0 {
			r.Seqs = []uint64{items[s.m%len(items)].Seq}
		} else {
			r.Seqs = []uint64{uint64(s.m)}
		}
	case "touch":
		r = servertest.Touch()
	case "erase":
		r = inbox.Record{Kind: inbox.KindErase}
	case "views":
		servers[s.n%2].advance(s.m%6, s.n%5)
		return
	case "time":
		servertest.After(time.Duration(s.n) * 200 * time.Millisecond)
		if s.m == 0 {
			servertest.After(PingEvery)
		}
		return
	case "connect":
		f.disconnect()
		f.connect(s.n%2, -1)
		return
	case "cut":
		f.disconnect()
		f.connect(s.n%2, 20+s.m*60)
		return
	case "narrow":
		f.disconnect()
		f.connectNarrow(s.n % 2)
		return
	case "room":
		if f.narrow != nil {
			f.narrow.widen(s.m * 80)
			servertest.After(retryMax)
		}
		return
	case "hang up":
		f.disconnect()
		return
	case "epoch":
		if s.n%3 == 0 {
			h.epoch, h.offset = h.epoch+1, 0
		}
		return
	}
	h.Append(r)
}

// compare holds what the follower has against the row.
func (f *follower) compare(row inbox.State) error {
	now := time.Now()
	want := map[uint64]string{}
	for i := range row.Items {
		if e := &row.Items[i]; !e.Expired(now) && !e.Hidden(now) {
			want[e.Seq] = shown(wire.NewItem(e, f.servers[0].contentOf, new(wire.Translator), time.Now()))
		}
	}
	got := map[uint64]string{}
	for seq, h := range f.held {
		got[seq] = shown(h.Item)
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("holds\n%v\nwant\n%v\nof %+v", got, want, row)
	}
	wantBadge, _ := json.Marshal(wire.NewBadge("u", row.Badge(now)))
	gotBadge, _ := json.Marshal(f.badge)
	if string(gotBadge) != string(wantBadge) {
		return fmt.Errorf("badge\n%s\nwant\n%s", gotBadge, wantBadge)
	}
	return nil
}

// shown is what a user sees of an item. Its version is that of its last frame,
// which a state event may have overtaken.
func shown(b wire.Item) string {
	return fmt.Sprintf("%q read=%t seen=%t archived=%t pending=%t count=%d replaces=%d",
		b.Title, b.Read, b.Seen, b.Archived, b.Pending, b.Count, b.Replaces)
}
