package senders

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestOriginsAreForgotten has the bound of origins take those of which nothing is to be
// remembered, and once their time is over those in trouble.
func TestOriginsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := origins{slots: slots}
		ask := func(name string) (*decision, *ask) {
			d := &decision{user: name}
			a, _, err := o.take(t.Context(), name, d, time.Now().Add(window))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return d, a
		}
		_, busy := ask("under way")
		probe, a := ask("probed")
		o.give(a, Answer{Result: Unavailable})
		d, a := ask("left alone")
		o.give(a, Answer{Result: Unavailable, Wait: longestAlone})
		o.leave(d)
		for i := range maxOrigins {
			_, a := ask(fmt.Sprint("origin ", i))
			o.give(a, Answer{Result: Accepted})
		}
		kept := func(want ...string) {
			t.Helper()
			for _, name := range want {
				if o.all[name] == nil {
					t.Errorf("%q is forgotten", name)
				}
			}
			if n := len(o.all); n > maxOrigins {
				t.Errorf("%d are remembered", n)
			}
		}
		kept("under way", "probed", "left alone")
		time.Sleep(longestAlone)
		o.leave(probe)
		o.give(busy, Answer{Result: Accepted})
		o.forget()
		if kept(); len(o.all) != 0 {
			t.Errorf("%d are remembered with nothing to remember", len(o.all))
		}
	})
}

// TestOriginsThatUsersNameAreBounded has users name thousands of hosts that give no
// answer, each of which wants to be left alone.
func TestOriginsThatUsersNameAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := origins{slots: slots}
		probe := &decision{user: "probe"}
		for i := range 5 * maxOrigins {
			name, d := fmt.Sprint("host ", i), &decision{user: fmt.Sprint(i)}
			if i == 0 {
				d = probe
			}
			a, _, err := o.take(t.Context(), name, d, time.Now().Add(window))
			if err != nil {
				t.Fatal(err)
			}
			o.give(a, Answer{Result: Unreachable, Wait: longestAlone})
			if d != probe {
				o.leave(d)
			}
		}
		if n := len(o.all); n > maxOrigins || n < maxOrigins/2 {
			t.Errorf("%d origins are remembered, want up to %d", n, maxOrigins)
		}
		if o.all["host 0"] == nil {
			t.Error("an origin that is asked is forgotten")
		}
	})
}
