package senders_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
)

// relay is a world whose messages all go through one server.
type relay struct {
	*world
	underWay, most atomic.Int32
}

func (r *relay) Kind() inbox.EndpointKind                      { return inbox.EndpointMail }
func (r *relay) Contents() int                                 { return 20 }
func (r *relay) Names(*inbox.Address) (origin, service string) { return r.Server(), r.Server() }
func (r *relay) Server() string                                { return "smtp.example" }
func (r *relay) Connections() int                              { return 4 }
func (r *relay) Patience() time.Duration                       { return 10 * time.Minute }

func (r *relay) Send(ctx context.Context, m *senders.Message, to *inbox.Address) senders.Answer {
	n := r.underWay.Add(1)
	defer r.underWay.Add(-1)
	for most := r.most.Load(); n > most && !r.most.CompareAndSwap(most, n); most = r.most.Load() {
	}
	return r.answer(ctx, m, to)
}

func newRelay(t *testing.T) (*relay, *prometheus.Registry) {
	r := &relay{world: newWorld(t)}
	registry := prometheus.NewRegistry()
	r.sender = r.newSenderOf(r, senders.NewMetrics(registry))
	return r, registry
}

func (w *world) address(user string) uint64 {
	return w.append(user, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointMail, Target: user + "@example.com", AddedAt: time.Now()}})
}

// TestRelayOutage has the mail server be away for two hours while many digests are due:
// none is lost and none comes twice, no attempt is counted, the server is asked seldom
// meanwhile, and what was read during the outage is not in any. BELFRY_TEST_MAILS says how
// many users there are.
func TestRelayOutage(t *testing.T) {
	users, outage := 200, 2*time.Hour
	if text := os.Getenv("BELFRY_TEST_MAILS"); text != "" {
		var err error
		if users, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, down := range map[string]senders.Answer{
		"unreachable": {Result: senders.Unreachable, Detail: "connect: refused"}, "421": {Result: senders.Unavailable, Detail: "connect: 421"},
		"login refused": {Result: senders.Unauthorized, Detail: "AUTH: 535"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, registry := newRelay(t)
				back := time.Now().Add(outage)
				var asked atomic.Int32
				var mu sync.Mutex
				mails := map[string][]int{} // by user, the items in each
				w.answer = func(_ context.Context, m *senders.Message, _ *inbox.Address) senders.Answer {
					if time.Now().Before(back) {
						asked.Add(1)
						return down
					}
					time.Sleep(10 * time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					mails[m.User] = append(mails[m.User], len(m.Entries))
					return senders.Answer{Result: senders.Accepted}
				}
				policy := &reach.Policy{Channels: []reach.Channel{{Name: channel, Kind: inbox.EndpointMail, Tell: []reach.Rule{{After: time.Minute}}, DailyCap: 3}}}
				var all sync.WaitGroup
				most := atomic.Int32{}
				for i := range users {
					all.Go(func() {
						user := fmt.Sprintf("user-%d", i)
						time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Minute))))
						w.address(user)
						read := w.notify(user, "read meanwhile")
						w.notify(user, "stays")
						all.Go(func() {
							time.Sleep(90 * time.Minute)
							w.append(user, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{read}})
						})
						n, _ := w.owner(user, policy)
						for seen := most.Load(); int32(n) > seen && !most.CompareAndSwap(seen, int32(n)); seen = most.Load() {
						}
					})
				}
				time.Sleep(time.Hour)
				if n := downSeconds(t, registry); n < 45*60 {
					t.Errorf("the server is down for %g seconds, says the metric", n)
				}
				all.Wait()
				if n := downSeconds(t, registry); n != 0 {
					t.Errorf("the server is down for %g seconds afterwards, says the metric", n)
				}
				late := time.Since(back)
				t.Logf("%d users: at most %d records a user; asked %d times while it was down; the last mail came %s after it was back", users, most.Load(), asked.Load(), late.Round(time.Second))
				for i := range users {
					if got := mails[fmt.Sprintf("user-%d", i)]; len(got) != 1 || got[0] != 1 {
						t.Fatalf("user %d has mails of %v items, want one of the one that is unread", i, got)
					}
				}
				if asked.Load() > int32(outage/(10*time.Second))+50 || most.Load() > 8 || late > 5*time.Minute {
					t.Error("the server was asked too often, the journal written too much, or mails came late")
				}
				if w.most.Load() > 4 {
					t.Errorf("%d mails were under way at a time, the server takes 4 connections", w.most.Load())
				}
				for user := range mails {
					for _, r := range w.given(user, inbox.KindUntell) {
						if r.Untell.Attempt != 0 {
							t.Fatalf("%s: an attempt was counted of a server that was down", user)
						}
					}
				}
			})
		})
	}
}

func downSeconds(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "belfry_outbound_server_down_seconds" && len(f.GetMetric()) == 1 && f.GetMetric()[0].GetLabel()[0].GetValue() == "smtp.example" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no metric says whether the server is down")
	return 0
}

// TestRelayOwnFaults has a box that is full, and an address that is refused, hold up nobody
// else.
func TestRelayOwnFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newRelay(t)
		results := map[string]senders.Answer{
			"full": {Result: senders.Deferred, Wait: 10 * time.Minute}, "refused": {Result: senders.Rejected, Wait: time.Hour}, "gone": {Result: senders.Gone}, "well": {Result: senders.Accepted},
		}
		w.answer = func(_ context.Context, m *senders.Message, _ *inbox.Address) senders.Answer { return results[m.User] }
		want := map[string]senders.End{"full": senders.EndFailed, "refused": senders.EndFailed, "gone": senders.EndNoEndpoint, "well": senders.EndSent}
		for round := range 5 { // many in a row say nothing of the server
			for _, user := range []string{"full", "refused", "gone", "well"} {
				w.address(user)
				seq := w.notify(user, fmt.Sprint("round ", round))
				o := w.decideOn(user, inbox.EndpointMail, 0, seq)
				began := time.Now()
				end, err := w.sender.Deliver(t.Context(), user, o, nil)
				if end != want[user] || err != nil || time.Since(began) > 0 {
					t.Fatalf("%s: %s after %s, %v", user, end, time.Since(began), err)
				}
				given := w.given(user, inbox.KindUntell)
				if wait := results[user].Wait; wait > 0 {
					if got := time.UnixMilli(given[len(given)-1].Untell.NotBefore).Sub(began); got < wait {
						t.Errorf("%s is sent to again after %s, want %s", user, got, wait)
					}
				}
				w.append(user, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{seq}})
			}
		}
	})
}

// TestRelaySilence has a server that takes mails and does not answer: each counts as sent.
func TestRelaySilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newRelay(t)
		sent := map[string]int{}
		var mu sync.Mutex
		w.answer = func(ctx context.Context, m *senders.Message, _ *inbox.Address) senders.Answer {
			mu.Lock()
			sent[m.User]++
			mu.Unlock()
			<-ctx.Done()
			return senders.Answer{Result: senders.Unanswered}
		}
		var all sync.WaitGroup
		for i := range 8 {
			user := fmt.Sprint("user-", i)
			w.address(user)
			o := w.decideOn(user, inbox.EndpointMail, 0, w.notify(user, "x"))
			all.Go(func() {
				end, err := w.sender.Deliver(t.Context(), user, o, nil)
				if err != nil || end != senders.EndSent && end != senders.EndLate {
					t.Errorf("%s: %s, %v", user, end, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if (end == senders.EndSent) != (sent[user] == 1) {
					t.Errorf("%s: %s, sent %d times", user, end, sent[user])
				}
			})
		}
		all.Wait()
		if len(sent) < 5 {
			t.Errorf("%d were sent to in an hour", len(sent))
		}
	})
}

// TestRelayTellsWhatItWaitsFor has a decision say that its server is down, and since the
// answer that it does not wait any more.
func TestRelayTellsWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newRelay(t)
		back := time.Now().Add(time.Minute)
		w.answer = func(context.Context, *senders.Message, *inbox.Address) senders.Answer {
			if time.Now().Before(back) {
				return senders.Answer{Result: senders.Unreachable, Detail: "connect: refused"}
			}
			return senders.Answer{Result: senders.Accepted}
		}
		w.address("kim")
		o := w.decideOn("kim", inbox.EndpointMail, 0, w.notify("kim", "x"))
		var told []string
		end, err := w.sender.Deliver(t.Context(), "kim", o, func(cause error) { told = append(told, fmt.Sprint(cause)) })
		if end != senders.EndSent || err != nil {
			t.Fatalf("%s, %v", end, err)
		}
		if len(told) < 2 || !strings.Contains(told[0], "smtp.example does not work: unreachable, connect: refused") || told[len(told)-1] != "<nil>" {
			t.Errorf("told %q", told)
		}
	})
}
