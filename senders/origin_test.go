package senders_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/senders"
)

// ask delivers an item of a user to one endpoint.
func (w *world) ask(user, target string) senders.End {
	at := w.subscribe(user, target)
	end, _ := w.sender.Deliver(context.Background(), user, w.decide(user, 0, w.notify(user, fmt.Sprint(user, at))), nil)
	return end
}

// TestUnasked has an origin in trouble whose endpoint is found to be gone without a
// request: that tells nothing of the origin, which one decision at a time still asks.
func TestUnasked(t *testing.T) {
	for _, result := range []senders.Result{senders.Gone, senders.Rejected} {
		t.Run(string(result), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var asked atomic.Int32
				w.answer = func(_ context.Context, _ *senders.Message, to *inbox.Address) senders.Answer {
					if strings.HasSuffix(to.Target, "/bad") {
						return senders.Answer{Result: result, Unasked: true}
					}
					asked.Add(1)
					time.Sleep(time.Second) // all others come meanwhile
					return senders.Answer{Result: senders.Unavailable, Wait: time.Minute}
				}
				if end := w.ask("first", "down.example/1"); end != senders.EndFailed || asked.Load() != 1 {
					t.Fatalf("got %s, asked %d times", end, asked.Load())
				}
				time.Sleep(time.Minute)
				w.ask("bad", "down.example/bad")
				var all sync.WaitGroup
				for i := range 20 {
					all.Go(func() { w.ask(fmt.Sprint("user-", i), "down.example/2") })
				}
				all.Wait()
				if n := asked.Load(); n != 2 {
					t.Errorf("asked %d times, want once more by one of 20", n)
				}
			})
		})
	}
}

// TestRefusals has an origin refuse endpoints: that is the endpoints' trouble until three
// users are refused and none is accepted in between.
func TestRefusals(t *testing.T) {
	for sequence, alone := range map[string]bool{
		"-a -b -c":             true,
		"-a -b -a -b":          false,
		"-a -a -a -a":          false,
		"-a -b +d -c":          false,
		"-a +d -b +d -c +d":    false,
		"-a -b +d -c -a -b":    true,
		"-a -b -c wait +d":     false,
		"-a -b -c wait +d -c":  false,
		"-a -b -c wait -a":     true,
		"-a -b -c wait wait":   false,
		"-a -b -c wait -d -d ": true,
	} {
		t.Run(sequence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				asked := false
				w.answer = func(_ context.Context, _ *senders.Message, to *inbox.Address) senders.Answer {
					asked = true
					if strings.HasSuffix(to.Target, "-") {
						return senders.Answer{Result: senders.Limited, Wait: time.Hour}
					}
					return senders.Answer{Result: senders.Accepted}
				}
				for step := range strings.FieldsSeq(sequence) {
					if step == "wait" {
						time.Sleep(31 * time.Second)
						continue
					}
					w.ask(step, "a.example/"+step[:1])
				}
				asked = false
				if end := w.ask("last", "a.example/+"); asked == alone || (end == senders.EndSent) == alone {
					t.Errorf("left alone is %t, want %t: %s", !asked, alone, end)
				}
			})
		})
	}
}
