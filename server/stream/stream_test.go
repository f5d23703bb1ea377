package stream

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

func TestStreamBegins(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request func(*http.Request)
		took    string
		want    []string
	}{
		{"no cursor", nil, tookSnapshot, []string{`unread "version":3 "unread":1 id=7.3`}},
		{"empty header", withHeader(""), tookSnapshot, []string{`unread "version":3 "unread":1 id=7.3`}},
		{"empty header and query", func(r *http.Request) {
			withQuery("7.3")(r)
			withHeader("")(r)
		}, tookReplayed, []string{`ping {"version":3} id=7.3`}},
		{"header beats query", func(r *http.Request) {
			withQuery("nonsense")(r)
			withHeader("7.3")(r)
		}, tookReplayed, []string{`ping {"version":3} id=7.3`}},
		{"nothing missed", withQuery("7.3"), tookReplayed, []string{`ping {"version":3} id=7.3`}},
		{"missed some", withQuery("7.1"), tookReplayed, []string{`item "seq":2`, `state "version":3,"read":[1],"unread":[] "seen":[],"archived":[],"removed":[]`, `unread "version":3 id=7.3`}},
		{"missed all", withQuery("0.0"), tookReplayed, []string{`item "seq":1 "read":true`, `item "seq":2`, `unread id=7.3`}},
		{"malformed", withHeader("7.3.1"), tookResync, []string{`resync {"version":3} id=7.3`}},
		{"other epoch", withHeader("8.3"), tookResync, []string{`resync {"version":3} id=7.3`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := servertest.NewTables()
				servertest.Append(t, f, servertest.Note("one"), servertest.Note("two"), servertest.Command(inbox.KindRead, 1))
				s := newTestHub(f)
				l := listen(t, s, tt.request, time.Time{})
				l.Want(append([]string{"retry"}, tt.want...)...)
				if got := testutil.ToFloat64(s.metrics.catchups.WithLabelValues(tt.took)); got != 1 {
					t.Errorf("got %v streams taken up as %s, want 1", got, tt.took)
				}
			})
		})
	}
}

func TestStreamHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		s := newTestHub(f)
		for range 50 {
			// A cursor of the future: nothing else can have been flushed yet.
			l := listen(t, s, withQuery("0.9"), time.Time{})
			events := l.Next()
			if len(events) != 1 || events[0].Retry < 2*time.Second || events[0].Retry > 6*time.Second {
				t.Fatalf("got %+v first, want retry of 2 to 6 s", events)
			}
			if l.wire.status != http.StatusOK {
				t.Errorf("got status %d", l.wire.status)
			}
			for name, want := range map[string]string{
				"Content-Type":      "text/event-stream",
				"Cache-Control":     "no-cache, no-transform",
				"X-Accel-Buffering": "no",
			} {
				if got := l.wire.header.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			l.hangUp()
			if !l.ended() {
				t.Fatal("the stream goes on without its client")
			}
		}
		if s.open+len(s.subscribers)+len(s.clock.due) != 0 {
			t.Errorf("got %d open streams of %d users, %d to be woken, want none", s.open, len(s.subscribers), len(s.clock.due))
		}
	})
}

func TestStreamFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		l := listen(t, newTestHub(f), nil, time.Time{})
		l.Want("retry", `unread "version":0 "unread":0 id=0.0`)
		servertest.Append(t, f, servertest.Note("one"))
		l.Want(`item "seq":1,"version":1 "title":"one"`, `unread "version":1 "unread":1 id=7.1`)
		servertest.Append(t, f, servertest.Command(inbox.KindRead, 1))
		l.Want(`state "version":2,"read":[1]`, `unread "unread":0 id=7.2`)
		servertest.Append(t, f, servertest.Touch())
		l.Want(`unread "version":3 id=7.3`)
		for _, who := range []string{"u", ""} { // nothing has changed
			f.Mu.Lock()
			f.Wake(who)
			f.Mu.Unlock()
			l.Want()
		}
		f.Mu.Lock()
		f.HoldRows = true
		f.Mu.Unlock()
		servertest.Append(t, f, servertest.Touch())
		f.Mu.Lock()
		f.HoldRows, f.Rows["u"] = false, f.States["u"]
		f.Wake("") // the whole table is another
		f.Mu.Unlock()
		l.Want(`unread "version":4 "unread":0 id=7.4`)
	})
}

func TestStreamFollowsOverEpochChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("one"), servertest.Note("two"))
		l := listen(t, newTestHub(f), withQuery("7.2"), time.Time{})
		f.Mu.Lock()
		f.Epoch, f.Offset = 9, 0
		f.Mu.Unlock()
		l.Want("retry", `ping {"version":2} id=7.2`)
		servertest.Append(t, f, servertest.Note("three"))
		l.Want(`item "seq":3`, `unread "version":3,"cursor":"9.3" id=9.3`)
	})
}

func TestStreamConflates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		reg := prometheus.NewRegistry()
		s := newTestHub(f)
		s.metrics = newMetrics(reg)
		f.HoldRows = true
		l := listen(t, s, nil, time.Time{})
		l.Want("retry", "unread id=0.0")
		// All but the last change come while the row stands still.
		for i := range 100 {
			servertest.Append(t, f, servertest.Note(fmt.Sprint(i)))
		}
		servertest.Append(t, f, inbox.Record{Kind: inbox.KindDelete, UpTo: 99})
		f.Release()
		events := l.Next()
		if len(events) != 3 {
			t.Fatalf("got %d events, want item, state and unread", len(events))
		}
		if got := testutil.ToFloat64(s.metrics.events.WithLabelValues(eventItem)); got != 1 {
			t.Errorf("got %v item events counted, want 1", got)
		}
		if got := testutil.ToFloat64(s.metrics.conflated); got == 0 {
			t.Error("got no conflated wakes")
		}
		if got := testutil.ToFloat64(s.metrics.connections); got != 1 {
			t.Errorf("got %v connections, want 1", got)
		}
		if got := testutil.ToFloat64(s.metrics.catchups.WithLabelValues(tookSnapshot)); got != 1 {
			t.Errorf("got %v snapshots, want 1", got)
		}
	})
}

func TestStreamPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("one"))
		l := listen(t, newTestHub(f), nil, time.Time{})
		resumed := listen(t, newTestHub(f), withQuery("7.1"), time.Time{})
		l.Want("retry", "unread id=7.1")
		servertest.After(20*time.Second - 1)
		l.Want()
		servertest.After(1)
		l.Want(`ping {"version":1} id=7.1`)
		resumed.Want("retry", `ping {"version":1} id=7.1`, `ping {"version":1} id=7.1`)
		servertest.Append(t, f, servertest.Touch())
		servertest.After(20 * time.Second)
		l.Want("unread id=7.2", `ping {"version":2} id=7.2`)
		resumed.Want("unread id=7.2", `ping {"version":2} id=7.2`)
	})
}

func TestStreamWaitsForTheCursor(t *testing.T) {
	begin := func(t *testing.T, cursor string) (*servertest.Tables, *listener) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("one"))
		f.HoldRows = true
		servertest.Append(t, f, servertest.Note("two"), servertest.Note("three"))
		l := listen(t, newTestHub(f), withQuery(cursor), time.Time{})
		l.Want("retry")
		return f, l
	}
	for _, tt := range []struct {
		name, cursor string
		in           time.Duration
		want         []string
	}{
		{"it comes", "7.2", 2*time.Second - 1, []string{`item "seq":3`, "unread id=7.3"}},
		{"it comes and is all", "7.3", time.Second, []string{`ping {"version":3} id=7.3`}},
		{"it comes in another epoch", "8.2", time.Second, []string{`resync {"version":3} id=7.3`}},
		{"it comes too late", "7.2", 2 * time.Second, []string{`resync {"version":2} id=7.2`, `item "seq":3`, "unread id=7.3"}},
		{"it comes too late in another epoch", "8.2", 2 * time.Second, []string{
			`resync {"version":1} id=7.1`, `item "seq":2`, `item "seq":3`, "unread id=7.3"}},
		{"it never comes", "7.9", 3 * time.Second, []string{`resync {"version":9} id=7.9`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, l := begin(t, tt.cursor)
				servertest.After(tt.in)
				f.Release()
				l.Want(tt.want...)
			})
		})
	}
}

func TestStreamHoldsBackForContent(t *testing.T) {
	begin := func(t *testing.T) (*servertest.Tables, *listener) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("one"))
		l := listen(t, newTestHub(f), nil, time.Time{})
		l.Want("retry", "unread id=7.1")
		f.HoldItems = true
		servertest.Append(t, f, servertest.Note("two"))
		servertest.After(time.Second)
		servertest.Append(t, f, servertest.Command(inbox.KindRead, 1))
		l.Want()
		return f, l
	}
	t.Run("it comes in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, l := begin(t)
			servertest.After(time.Second - 1)
			l.Want()
			f.Release()
			l.Want(`item "seq":2 "title":"two"`, `state "read":[1]`, "unread id=7.3")
		})
	})
	t.Run("it comes late", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, l := begin(t)
			servertest.After(time.Second)
			l.Want(`item "seq":2 "pending":true`, `state "read":[1]`, `unread "version":3 id=7.1`)
			servertest.Append(t, f, servertest.Command(inbox.KindRead, 2))
			l.Want(`state "read":[2]`, `unread "version":4 id=7.1`)
			f.Release()
			l.Want(`item "seq":2,"version":4,"read":true "title":"two"`, `unread "version":4 id=7.4`)
		})
	})
	t.Run("it never comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, l := begin(t)
			servertest.After(time.Second)
			l.Want(`item "seq":2 "pending":true`, `state`, `unread id=7.1`)
			servertest.Append(t, f, servertest.Command(inbox.KindDelete, 2))
			l.Want(`state "removed":[2]`, `unread "version":4 id=7.4`)
		})
	})
	t.Run("its item goes first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, l := begin(t)
			servertest.Append(t, f, servertest.Command(inbox.KindDelete, 2))
			l.Want(`state "read":[1] "removed":[2]`, `unread id=7.4`)
		})
	})
	t.Run("at a catch-up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, _ := begin(t)
			l := listen(t, newTestHub(f), withQuery("0.0"), time.Time{})
			l.Want("retry")
			servertest.After(2 * time.Second)
			l.Want(`item "seq":1`, `item "seq":2 "pending":true`, `unread id=7.1`)
			f.Release()
			l.Want(`item "seq":2 "title":"two"`, `unread id=7.3`)
		})
	})
	t.Run("in the list after a resync", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, _ := begin(t)
			l := listen(t, newTestHub(f), withQuery("nonsense"), time.Time{})
			l.Want("retry", `resync {"version":3} id=7.3`)
			f.Release()
			l.Want(`item "seq":2 "title":"two"`, `unread id=7.3`)
		})
	})
}

func TestStreamTellsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		l := listen(t, newTestHub(f), nil, time.Time{})
		servertest.Append(t, f, servertest.Brief("one", 5*time.Second), servertest.Brief("two", 7*time.Second), servertest.Brief("three", time.Hour))
		servertest.After(5*time.Second - time.Millisecond)
		l.Next()
		servertest.After(time.Millisecond)
		l.Want(`state "version":3 "removed":[1]`, `unread "version":3 "unread":2 id=7.3`)
		servertest.After(2 * time.Second)
		l.Want(`state "removed":[2]`, `unread "unread":1 id=7.3`)
		resumed := listen(t, newTestHub(f), withQuery("7.3"), time.Time{})
		resumed.Want("retry", `state "removed":[1,2]`, `unread "unread":1 id=7.3`)
		// A client may have listed meanwhile and refused what was sent at version
		// 3: a higher version names them again, once.
		servertest.Append(t, f, servertest.Note("four"))
		l.Want(`item "seq":4`, `state "version":4 "removed":[1,2]`, "unread id=7.4")
		resumed.Want(`item "seq":4`, `state "version":4 "removed":[1,2]`, "unread id=7.4")
		servertest.Append(t, f, servertest.Note("five"))
		l.Want(`item "seq":5`, "unread id=7.5")
	})
}

func TestStreamSpeaksTheLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		r := servertest.Note("x")
		r.Notification.Title = belfry.Text{"en": "approval", "ko": "결재"}
		servertest.Append(t, f, r)
		korean := listen(t, newTestHub(f), func(r *http.Request) {
			withQuery("0.0")(r)
			r.Header.Set("Accept-Language", "ko-KR, en;q=0.5")
		}, time.Time{})
		korean.Want("retry", `item "title":"결재"`, "unread id=7.1")
	})
}

func TestStreamTakesTheHorizonForAResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("first"))
		behind := listen(t, newTestHub(f), nil, time.Time{})
		behind.Want("retry", "unread id=7.1")
		f.HoldRows = true
		for i := range inbox.DefaultCap + 2 {
			servertest.Append(t, f, servertest.Note(fmt.Sprint(i)))
		}
		for seq := range uint64(inbox.DefaultCap + 2) {
			servertest.Append(t, f, servertest.Command(inbox.KindDelete, seq+2))
		}
		f.Release()
		row, _ := f.Row("u")
		if row.Horizon <= 1 {
			t.Fatalf("got horizon %d, want one over 1", row.Horizon)
		}
		want := fmt.Sprintf(`resync {"version":%d} id=7.%[1]d`, row.Version)
		behind.Want(want)
		listen(t, newTestHub(f), withQuery("7.1"), time.Time{}).Want("retry", want)
		listen(t, newTestHub(f), withQuery("0.0"), time.Time{}).Want("retry", want)
		servertest.Append(t, f, servertest.Note("more"))
		behind.Want("item", fmt.Sprintf("unread id=7.%d", row.Version+1))
	})
}

// TestStreamsOfOneUserShareTheWork holds that a change is read and encoded once
// for all streams of a user that know the same, also while they wait for a
// content that is late.
func TestStreamsOfOneUserShareTheWork(t *testing.T) {
	const n, items = 50, 20
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		s := newTestHub(f)
		s.config.Limits.PerUser = n
		var all []*listener
		for range n {
			l := listen(t, s, nil, time.Time{})
			l.Want("retry", "unread id=0.0")
			all = append(all, l)
		}
		f.Reads.Store(0)
		f.HoldRows, f.HoldItems = true, true
		for i := range items {
			servertest.Append(t, f, servertest.Note(fmt.Sprint(i)))
		}
		f.Mu.Lock()
		f.HoldRows = false
		f.Rows["u"] = f.States["u"]
		f.Wake("u")
		f.Mu.Unlock()
		servertest.After(time.Second) // all of them wait for contents
		for _, l := range all {
			l.Want()
		}
		f.Release()
		synctest.Wait()
		for _, l := range all {
			if events := l.Next(); len(events) != items+1 {
				t.Fatalf("got %d events, want %d items and unread", len(events), items)
			}
		}
		// Each change may find the worker half through the streams, which then
		// read twice.
		if got := f.Reads.Load(); got > 10*items {
			t.Errorf("contents were read %d times, for %d items", got, items)
		}
	})
}

// A client that missed much is sent it in parts, and each content is read for its part
// alone: a hundred full items would else be read a hundred times.
func TestPartsOfABatchReadTheirOwnContents(t *testing.T) {
	const items = 80
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		s := newTestHub(f)
		for i := range items {
			n := servertest.Note(fmt.Sprint(i))
			if i%10 == 0 {
				n = servertest.Pressing(fmt.Sprint(i), belfry.PriorityUrgent)
			}
			n.Notification.Body = belfry.PlainText(strings.Repeat("x", 40<<10))
			servertest.Append(t, f, n)
		}
		f.Reads.Store(0)
		l := listen(t, s, withQuery("7.0"), time.Time{})
		events := l.Next()
		if len(events) != 1+items+1 {
			t.Fatalf("got %d events, want all %d items", len(events), items)
		}
		for i := range items / 10 {
			if e := events[1+i].String(); !servertest.Matches(e, `item "priority":"urgent"`) {
				t.Errorf("event %d is %.100s, want what is urgent first", i, e)
			}
		}
		if got := f.Reads.Load(); got > 2*items {
			t.Errorf("contents were read %d times, for %d items", got, items)
		}
	})
}
