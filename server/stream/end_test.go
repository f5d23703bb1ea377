package stream

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/internal/servertest"
)

func TestStreamLimits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit func(*Hub)
	}{
		{"in all", func(s *Hub) { s.config.Limits.Total = 2 }},
		{"per user", func(s *Hub) { s.config.Limits.PerUser = 2 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTestHub(servertest.NewTables())
				tt.limit(s)
				first := listen(t, s, nil, time.Time{})
				listen(t, s, nil, time.Time{})
				synctest.Wait()
				for range 20 {
					refused := listen(t, s, withQuery("7.1"), time.Time{})
					events := refused.Next()
					if len(events) != 2 || events[1].String() != `bye {"reason":"limit"}` {
						t.Fatalf("got %v, want bye", events)
					}
					if got := events[0].Retry; got < 30*time.Second || got > 60*time.Second {
						t.Errorf("got retry %v, want 30 to 60 s", got)
					}
					if refused.wire.status != http.StatusOK || !refused.ended() {
						t.Errorf("got status %d, ended %t", refused.wire.status, refused.ended())
					}
				}
				first.hangUp()
				synctest.Wait()
				listen(t, s, nil, time.Time{}).Want("retry", "unread id=0.0")
			})
		})
	}
}

// A client of a server that drains is sent elsewhere at once, and comes there at another
// time than the others.
func TestStreamDrainSaysWhenToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHub(servertest.NewTables())
		waits := map[time.Duration]bool{}
		var all []*listener
		for range 20 {
			l := listen(t, s, nil, time.Time{})
			l.Want("retry", "unread id=0.0")
			all = append(all, l)
		}
		s.Drain(t.Context())
		for _, l := range all {
			events := l.Next()
			if len(events) != 1 || events[0].Name != "bye" || events[0].Retry < 500*time.Millisecond || events[0].Retry > 2*time.Second {
				t.Fatalf("got %+v, want bye with a retry of 0.5 to 2 s", events)
			}
			waits[events[0].Retry] = true
		}
		if len(waits) < 5 {
			t.Errorf("got waits %v, want them spread", waits)
		}
	})
}

func TestStreamDrainSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("one"))
		s := newTestHub(f)
		const n = 18
		ends := make(chan time.Duration, n)
		start := time.Now()
		for range n {
			l := listen(t, s, nil, time.Time{})
			l.Want("retry", "unread id=7.1")
			go func() {
				<-l.closed
				ends <- time.Since(start)
			}()
			t.Cleanup(func() { l.Want(`bye {"reason":"drain"} id=7.1`) })
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			s.Drain(ctx)
		}()
		servertest.After(time.Second)
		listen(t, s, withQuery("7.1"), time.Time{}).Want("retry", `bye {"reason":"drain"}`)
		<-drained
		if ctx.Err() != nil {
			t.Error("drain took until the deadline")
		}
		if got := time.Since(start); got >= 9*time.Second {
			t.Errorf("drain took %v, want under 9 s", got)
		}
		for i := range n {
			// 9 of the 10 seconds, in steps of one eighteenth of that.
			want := time.Duration(i) * 500 * time.Millisecond
			if got := <-ends; got.Round(time.Millisecond) != want {
				t.Errorf("end %d: got %v, want %v", i, got, want)
			}
		}
		s.Drain(ctx) // again, with nothing left
	})
}

func TestStreamDrainWithoutDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHub(servertest.NewTables())
		l := listen(t, s, withQuery("0.9"), time.Time{})
		l.Want("retry")
		start := time.Now()
		s.Drain(t.Context())
		if got := time.Since(start); got != 0 {
			t.Errorf("took %v", got)
		}
		l.Want(`bye {"reason":"drain"}`)
	})
}

func TestStreamDrainLeavesTheStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHub(servertest.NewTables())
		l := listen(t, s, nil, time.Time{})
		l.Next()
		l.wire.mu.Lock()
		l.wire.stalled = true
		l.wire.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.Drain(ctx)
		if ctx.Err() == nil {
			t.Error("drain came back before the stalled stream or the deadline")
		}
	})
}

func TestStreamEndsWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHub(servertest.NewTables())
		l := listen(t, s, nil, time.Now().Add(5*time.Second))
		servertest.After(5*time.Second - 1)
		l.Want("retry", "unread id=0.0")
		servertest.After(1)
		l.Want(`bye {"reason":"expired"} id=0.0`)
		if !l.ended() {
			t.Error("the stream goes on")
		}
		spent := listen(t, s, nil, time.Now())
		events := spent.Next()
		if len(events) != 2 || events[1].String() != `bye {"reason":"expired"}` || events[0].Retry < 30*time.Second {
			t.Errorf("got %v for a token that has ended", events)
		}
	})
}

func TestStreamNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		f.NotReady = true
		l := listen(t, newTestHub(f), nil, time.Time{})
		events := l.Next()
		if len(events) != 2 || events[1].String() != `bye {"reason":"drain"}` || events[0].Retry > 6*time.Second {
			t.Errorf("got %v", events)
		}
		if l.wire.status != http.StatusOK || !l.ended() {
			t.Errorf("got status %d, ended %t", l.wire.status, l.ended())
		}
	})
}

func TestStreamEndsWithAStalledClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		s := newTestHub(f)
		l := listen(t, s, nil, time.Time{})
		l.Want("retry", "unread id=0.0")
		l.wire.mu.Lock()
		if l.wire.deadlines != l.wire.writes {
			t.Errorf("got %d of %d writes with a deadline, want all", l.wire.deadlines, l.wire.writes)
		}
		if !l.wire.deadline.IsZero() {
			t.Error("a deadline is left while nothing is written")
		}
		l.wire.stalled = true
		l.wire.mu.Unlock()
		servertest.Append(t, f, servertest.Note("one"))
		servertest.After(10*time.Second - 1)
		if l.ended() {
			t.Fatal("gave up before the write timeout")
		}
		servertest.After(1)
		if !l.ended() {
			t.Error("goes on after the write timeout")
		}
		if got := testutil.ToFloat64(s.metrics.ends.WithLabelValues(endWrite)); got != 1 {
			t.Errorf("got %v ends by write, want 1", got)
		}
	})
}

// A ping for which the client has no room is due until it is taken: nothing else may have
// to be told, and the client is given up after its time as any other.
func TestAPingThatIsNotTakenIsOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestHub(servertest.NewTables())
		out := &narrow{wire: newConn(), room: 1 << 20, closed: make(chan struct{})}
		attach(s, "u", out)
		synctest.Wait()
		want := func(want ...string) {
			t.Helper()
			events, err := out.wire.read()
			ok := err == nil && len(events) == len(want)
			for i := 0; ok && i < len(want); i++ {
				ok = servertest.Matches(events[i].String(), want[i])
			}
			if !ok {
				t.Errorf("got %v (%v), want %q", events, err, want)
			}
		}
		want("retry", "unread id=0.0")
		out.widen(-out.room)
		servertest.After(PingEvery + time.Second)
		want()
		out.widen(1 << 20)
		servertest.After(retryMax)
		want(`ping {"version":0} id=0.0`)
		out.widen(-out.room)
		servertest.After(PingEvery + writeTimeout + retryMax)
		<-out.closed
		if got := testutil.ToFloat64(s.metrics.ends.WithLabelValues(endWrite)); got != 1 {
			t.Errorf("got %v ends by write, want 1", got)
		}
	})
}
