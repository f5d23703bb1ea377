package senders_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/senders"
)

// TestLimitedIsLeftAlone has one of two endpoints limited for hours: the other is tried
// meanwhile, and the limited one is not asked before its time, whatever is decided.
func TestLimitedIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(_ context.Context, _ *senders.Message, to *inbox.Address) senders.Answer {
			if strings.HasPrefix(to.Target, "limited") {
				return senders.Answer{Result: senders.Limited, Wait: 5 * time.Hour}
			}
			return senders.Answer{Result: senders.Unauthorized}
		}
		w.subscribe("kim", "limited.example/1")
		w.subscribe("kim", "other.example/2")
		began := time.Now()
		for i := range 100 {
			if end := w.deliver(w.decide("kim", 1, w.notify("kim", fmt.Sprint(i)))); end != senders.EndFailed {
				t.Fatalf("got %s", end)
			}
			untells := w.given("kim", inbox.KindUntell)
			if wait := time.Until(time.UnixMilli(untells[i].Untell.NotBefore)); wait > 3*time.Minute {
				t.Fatalf("given back for %s", wait)
			}
			time.Sleep(7 * time.Minute)
		}
		var limited []time.Duration
		for _, m := range w.messages() {
			if strings.HasPrefix(m.target, "limited") {
				limited = append(limited, m.at.Sub(began))
			}
		}
		if n := len(w.messages()) - len(limited); n != 100 || len(limited) != 3 || limited[1] < 5*time.Hour || limited[2]-limited[1] < 5*time.Hour {
			t.Errorf("the other was asked %d times, the limited one after %v", n, limited)
		}
		// Subscribed anew it is another endpoint.
		w.append("kim", inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}})
		w.subscribe("kim", "limited.example/1")
		before := len(w.messages())
		w.deliver(w.decide("kim", 1, w.notify("kim", "anew")))
		if n := len(w.messages()) - before; n != 2 {
			t.Errorf("asked %d endpoints, want both", n)
		}
	})
}
