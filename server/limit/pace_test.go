package limit

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"
)

// TestManyAtWorkAreLetIntoBetween holds that an address with many requests at work begins
// more of them with breaths in between, one with few with none, and that nobody waits for
// the breaths of another address. In the bubble time passes for breaths alone.
func TestManyAtWorkAreLetIntoBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stretches = 10
		steps := paceSteps * runtime.GOMAXPROCS(0)
		took := func(step func()) time.Duration {
			began := time.Now()
			for range stretches * steps {
				step()
			}
			return time.Since(began)
		}
		few, many, floods := newPace(), newPace(), newPace()
		few.working.Store(int64(paceFree * runtime.GOMAXPROCS(0)))
		many.working.Store(int64(paceFree*runtime.GOMAXPROCS(0)) + 1)
		if d := took(few.step); d != 0 {
			t.Errorf("an address with few requests waited for %s", d)
		}
		one := took(many.step) / (stretches - 1)
		if one == 0 || one > time.Millisecond {
			t.Errorf("an address with many requests waited for %s a stretch", one)
		}
		if d := took(func() { floods.waste(refusalWaste) }); d != one*(stretches-1) {
			t.Errorf("a flood waited for %s, want %d times %s", d, stretches-1, one)
		}
		time.Sleep(2 * paceStretch)
		began, slept := time.Now(), time.Duration(0)
		for range steps + 1 {
			many.step()
			slept += paceStretch / time.Duration(2*steps)
			time.Sleep(paceStretch / time.Duration(2*steps))
		}
		if d := time.Since(began) - slept; d != one {
			t.Errorf("a stretch that lasted %s waited for %s, want %s", slept, d, one)
		}
		time.Sleep(2 * paceStretch)
		began = time.Now()
		for range steps {
			many.step()
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("after a pause a stretch waited for %s", d)
		}
	})
}

// TestPacedByAddress has a request be counted for its connection's address, and for its
// sender's if that is a proxy's, as long as it is at work.
func TestPacedByAddress(t *testing.T) {
	r := NewTurns(func(a netip.Addr) bool { return a.IsLoopback() }, prometheus.NewRegistry())
	sender := netip.MustParseAddr("192.0.2.7")
	asked := 0
	atWork := func(pace *pace, r *http.Request) {
		before := pace.working.Load()
		over := Idle(r.Context())
		while := pace.working.Load()
		over()
		if after := pace.working.Load(); before != 1 || while != 0 || after != 1 {
			t.Errorf("%d are at work, %d while it waits, %d then", before, while, after)
		}
	}
	h := r.Paced(func(*http.Request) netip.Addr { return sender }, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		asked++
		if of := r.addresses.all[householdOf(sender)]; of == nil {
			t.Error("its sender has nothing at work")
		} else {
			atWork(of.pace, req)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if len(r.addresses.all) != 0 || asked != 1 {
		t.Errorf("%d senders are known of %d requests that ended", len(r.addresses.all), asked)
	}

	direct := NewTurns(nobody, prometheus.NewRegistry())
	_, server := accepted(t, direct)
	c := server.(*turnsConn)
	if c.follow(&frames{preface: len(http2.ClientPreface)}, bytes.Repeat([]byte{0, 0, 0, byte(http2.FramePing), 0, 0, 0, 0, 0}, 2*freeFrames)); c.crowd.pace.taken == 0 {
		t.Error("frames that come to nothing are worked off at once")
	}
	if !c.crowd.TryAcquire(1) {
		t.Fatal("there is no turn")
	}
	c.hold()
	h = direct.Paced(nil, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		atWork(c.crowd.pace, req)
		if c.turn.Load() {
			t.Error("a request at work keeps its connection's turn")
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(direct.Context(t.Context(), server), http.MethodGet, "/", nil))
	if n := c.crowd.pace.working.Load(); n != 0 {
		t.Errorf("%d are at work of requests that ended", n)
	}
}
