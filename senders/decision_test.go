package senders_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
)

const channel = "browser"

// world is a journal with its tables, and a sender whose services are answer.
type world struct {
	*servertest.Tables
	t      *testing.T
	sender *senders.Sender
	answer func(ctx context.Context, m *senders.Message, to *inbox.Address) senders.Answer

	mu   sync.Mutex
	sent []sent
}

type sent struct {
	user, target string
	seqs         []uint64
	at           time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{Tables: servertest.NewTables(), t: t}
	w.sender = w.newSender()
	return w
}

func (w *world) newSender() *senders.Sender {
	return w.newSenderOf(w, senders.NewMetrics(prometheus.NewRegistry()))
}

func (w *world) newSenderOf(t senders.Transport, m *senders.Metrics) *senders.Sender {
	return senders.New(senders.Config{
		Group: "belfry-webpush", Topic: "belfry.outbound", Rows: w, Contents: w, Journal: w, Transport: t,
		Metrics: m, Log: slog.New(slog.DiscardHandler),
	})
}

func (w *world) Kind() inbox.EndpointKind { return inbox.EndpointWebPush }
func (w *world) Contents() int            { return 1 }
func (w *world) Names(to *inbox.Address) (origin, service string) {
	host, _, _ := strings.Cut(to.Target, "/")
	return host, host
}

func (w *world) Send(ctx context.Context, m *senders.Message, to *inbox.Address) senders.Answer {
	if len(m.Items) != 1 || m.Items[0].Seq != m.Entries[0].Seq {
		w.t.Errorf("message of %d entries with contents %v", len(m.Entries), m.Items)
	}
	s := sent{user: m.User, target: to.Target, at: time.Now()}
	for _, e := range m.Entries {
		s.seqs = append(s.seqs, e.Seq)
	}
	w.mu.Lock()
	w.sent = append(w.sent, s)
	w.mu.Unlock()
	if w.answer == nil {
		return senders.Answer{Result: senders.Accepted}
	}
	return w.answer(ctx, m, to)
}

func (w *world) messages() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// append returns the version of a record.
func (w *world) append(user string, r inbox.Record) uint64 {
	w.t.Helper()
	at, err := w.Append(w.t.Context(), inbox.Addressed{Recipients: []string{user}, Record: r})
	if err != nil {
		w.t.Fatal(err)
	}
	return uint64(at[0].Offset) + 1
}

func (w *world) subscribe(user, target string) uint64 {
	return w.append(user, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointWebPush, Target: target, AddedAt: time.Now()}})
}

func (w *world) notify(user, title string) uint64 {
	return w.append(user, inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText(title), ID: title}})
}

// decide appends a tell of these items as an owner would that has seen all of the log.
func (w *world) decide(user string, attempt uint32, seqs ...uint64) inbox.Outbound {
	return w.decideOn(user, inbox.EndpointWebPush, attempt, seqs...)
}

func (w *world) decideOn(user string, kind inbox.EndpointKind, attempt uint32, seqs ...uint64) inbox.Outbound {
	w.Mu.Lock()
	evaluated := uint64(w.Offset)
	w.Mu.Unlock()
	good := time.Now().Add(time.Hour).UnixMilli()
	v := w.append(user, inbox.Record{Kind: inbox.KindTell, Seqs: seqs, Tell: &inbox.Tell{
		Channel: channel, Kind: kind, Evaluated: evaluated, Attempt: attempt, GoodUntil: good,
	}})
	return inbox.Outbound{Channel: channel, Kind: kind, Decision: v, Attempt: attempt, GoodUntil: good}
}

func (w *world) deliver(o inbox.Outbound) senders.End {
	end, err := w.sender.Deliver(w.t.Context(), "kim", o, nil)
	if (err != nil) != (end == senders.EndLetter) {
		w.t.Errorf("%s with error %v", end, err)
	}
	return end
}

// given is what the journal holds of a kind for a user, the newest last.
func (w *world) given(user string, kind inbox.Kind) (out []inbox.Record) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	for _, e := range w.Journal {
		if e.Recipient == user && e.Record.Kind == kind {
			out = append(out, e.Record)
		}
	}
	return out
}

func TestDecisionIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("kim", "a.example/1")
		w.subscribe("kim", "b.example/2")
		first, second := w.notify("kim", "one"), w.notify("kim", "two")
		w.append("kim", inbox.Record{Kind: inbox.KindSeen, Seqs: []uint64{w.notify("kim", "seen")}})
		o := w.decide("kim", 0, first, second)
		if end := w.deliver(o); end != senders.EndSent {
			t.Fatalf("got %s", end)
		}
		got := w.messages()
		if len(got) != 2 || !slices.Equal(got[0].seqs, []uint64{second, first}) || got[0].target == got[1].target {
			t.Errorf("got %+v, want both items, the newest first, at both endpoints", got)
		}
		if end := w.deliver(o); end != senders.EndRepeat || len(w.messages()) != 2 {
			t.Errorf("written again by its owner: %s, %+v", end, w.messages())
		}
		// Another process does not know.
		w.append("kim", inbox.Record{Kind: inbox.KindSeen, Seqs: []uint64{second}})
		w.sender = w.newSender()
		if end := w.deliver(o); end != senders.EndSent || !slices.Equal(w.messages()[2].seqs, []uint64{first}) {
			t.Errorf("redelivered: %s, %+v, want what is still unseen", end, w.messages()[2:])
		}
		w.append("kim", inbox.Record{Kind: inbox.KindSeen, Seqs: []uint64{first}})
		w.sender = w.newSender()
		if end := w.deliver(o); end != senders.EndNothing || len(w.messages()) != 4 {
			t.Errorf("all seen: %s, %+v", end, w.messages())
		}
	})
}

func TestDecisionWaitsForItsRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.subscribe("kim", "a.example/1")
		seq := w.notify("kim", "one")
		w.HoldRows = true
		o := w.decide("kim", 0, seq)
		var causes []error
		done := make(chan senders.End)
		go func() {
			end, _ := w.sender.Deliver(t.Context(), "kim", o, func(err error) { causes = append(causes, err) })
			done <- end
		}()
		time.Sleep(5 * time.Hour / 6) // within good_until
		if len(w.messages()) != 0 || len(w.given("kim", inbox.KindUntell)) != 0 {
			t.Fatal("it did not wait for the row")
		}
		w.Release()
		if end := <-done; end != senders.EndSent || len(causes) != 2 || causes[0] == nil || causes[1] != nil {
			t.Errorf("got %s, told %v", end, causes)
		}
		// A session that ends gives it up.
		w.HoldRows = true
		ctx, cancel := context.WithCancel(t.Context())
		o = w.decide("kim", 0, w.notify("kim", "two"))
		go func() {
			end, _ := w.sender.Deliver(ctx, "kim", o, nil)
			done <- end
		}()
		synctest.Wait()
		cancel()
		if end := <-done; end != senders.EndGivenUp || len(w.messages()) != 1 {
			t.Errorf("got %s", end)
		}
	})
}

func TestDecisionIsGivenBack(t *testing.T) {
	again := senders.Answer{Result: senders.Unavailable}
	for _, tt := range []struct {
		name    string
		attempt uint32
		do      func(w *world, o *inbox.Outbound)
		answer  map[string]senders.Answer
		end     senders.End
		untell  *inbox.Untell // Decision and NotBefore aside
		wait    time.Duration // of NotBefore at the least, 0: none, below 0: it has passed
		gone    int
	}{
		// An owner whose clock is behind waits until its time is over by that clock too.
		{name: "late", attempt: 3, end: senders.EndLate, untell: &inbox.Untell{Attempt: 3}, wait: -time.Second,
			do: func(_ *world, o *inbox.Outbound) { o.GoodUntil = time.Now().Add(-time.Second).UnixMilli() }},
		{name: "newer preferences", attempt: 3, end: senders.EndLate, untell: &inbox.Untell{Attempt: 3},
			do: func(w *world, _ *inbox.Outbound) {
				w.append("kim", inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"language":"ko"}`)})
			}},
		{name: "unsubscribed", attempt: 3, end: senders.EndNoEndpoint, untell: &inbox.Untell{Attempt: 3},
			do: func(w *world, _ *inbox.Outbound) {
				w.append("kim", inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1, 2}})
			}},
		{name: "all gone", attempt: 3, end: senders.EndNoEndpoint, untell: &inbox.Untell{Attempt: 3}, gone: 2,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Gone}, "b.example": {Result: senders.Gone}}},
		{name: "one gone, one reached", end: senders.EndSent, gone: 1,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Gone}}},
		{name: "one down, one reached", end: senders.EndSent, answer: map[string]senders.Answer{"a.example": again}},
		{name: "one silent", end: senders.EndSent, answer: map[string]senders.Answer{"a.example": {Result: senders.Unanswered}, "b.example": {Result: senders.Rejected}}},
		{name: "one gone, one down", attempt: 3, end: senders.EndFailed, untell: &inbox.Untell{Attempt: 4}, wait: 8 * time.Minute * 3 / 4, gone: 1,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Gone}, "b.example": again}},
		{name: "down", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: time.Minute * 3 / 4,
			answer: map[string]senders.Answer{"a.example": again, "b.example": again}},
		{name: "down for as long as they say", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: 2 * time.Hour,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Limited, Wait: 3 * time.Hour}, "b.example": {Result: senders.Limited, Wait: 2 * time.Hour}}},
		{name: "one down, one limited for long", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: time.Minute * 3 / 4,
			answer: map[string]senders.Answer{"a.example": again, "b.example": {Result: senders.Limited, Wait: 2 * time.Hour}}},
		{name: "not let in", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: time.Minute * 3 / 4,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Unauthorized}, "b.example": {Result: senders.Rejected}}},
		{name: "one not let in, one limited for long", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: time.Minute * 3 / 4,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Unauthorized}, "b.example": {Result: senders.Limited, Wait: 24 * time.Hour}}},
		{name: "one refused, one limited for long", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: time.Minute * 3 / 4,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Rejected}, "b.example": {Result: senders.Limited, Wait: 24 * time.Hour}}},
		{name: "one refused for long, one limited for longer", end: senders.EndFailed, untell: &inbox.Untell{Attempt: 1}, wait: time.Hour,
			answer: map[string]senders.Answer{"a.example": {Result: senders.Rejected, Wait: time.Hour}, "b.example": {Result: senders.Limited, Wait: 24 * time.Hour}}},
		{name: "too often", attempt: reach.MaxAttempts, end: senders.EndLetter, answer: map[string]senders.Answer{"a.example": again, "b.example": again}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.answer = func(_ context.Context, _ *senders.Message, to *inbox.Address) senders.Answer {
					host, _, _ := strings.Cut(to.Target, "/")
					if a, ok := tt.answer[host]; ok {
						return a
					}
					return senders.Answer{Result: senders.Accepted}
				}
				w.subscribe("kim", "a.example/1")
				w.subscribe("kim", "b.example/2")
				o := w.decide("kim", tt.attempt, w.notify("kim", "one"))
				if tt.do != nil {
					tt.do(w, &o)
				}
				began := time.Now()
				if end := w.deliver(o); end != tt.end {
					t.Fatalf("got %s, want %s", end, tt.end)
				}
				if took := time.Since(began); took > 31*time.Second {
					t.Errorf("it took %s", took)
				}
				untells := w.given("kim", inbox.KindUntell)
				if len(untells) != 0 && tt.untell == nil || len(untells) != 1 && tt.untell != nil {
					t.Fatalf("given back %d times", len(untells))
				}
				if tt.untell != nil {
					u := *untells[0].Untell
					notBefore := time.UnixMilli(u.NotBefore)
					if u.Channel != channel || u.Decision != o.Decision || u.Attempt != tt.untell.Attempt || (u.NotBefore == 0) != (tt.wait == 0) ||
						tt.wait > 0 && (notBefore.Before(began.Add(tt.wait)) || notBefore.After(time.Now().Add(2*tt.wait))) {
						t.Errorf("got %+v, %s from now", u, notBefore.Sub(began))
					}
					w.Mu.Lock()
					last := w.Journal[len(w.Journal)-1].Record.Kind
					w.Mu.Unlock()
					if last != inbox.KindUntell {
						t.Errorf("%s is written after it was given back", last)
					}
				}
				if n := len(w.given("kim", inbox.KindEndpointGone)); tt.gone > 0 && n != tt.gone {
					t.Errorf("%d endpoints are gone, want %d", n, tt.gone)
				}
			})
		})
	}
}

// TestEndOfSession has answers under way waited for a moment, and nothing begun.
func TestEndOfSession(t *testing.T) {
	for _, tt := range []struct {
		name string
		took time.Duration
		end  senders.End
	}{{"answered in time", time.Second, senders.EndSent}, {"out whole", time.Hour, senders.EndSent}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.answer = func(ctx context.Context, _ *senders.Message, _ *inbox.Address) senders.Answer {
					select {
					case <-time.After(tt.took):
						return senders.Answer{Result: senders.Accepted}
					case <-ctx.Done():
						return senders.Answer{Result: senders.Unanswered}
					}
				}
				w.subscribe("kim", "a.example/1")
				o := w.decide("kim", 0, w.notify("kim", "one"))
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(100*time.Millisecond, cancel)
				began := time.Now()
				if end, err := w.sender.Deliver(ctx, "kim", o, nil); end != tt.end || err != nil || time.Since(began) > 4*time.Second {
					t.Errorf("got %s, %v after %s", end, err, time.Since(began))
				}
			})
		})
	}
}

// TestSilentService has one decision at a time ask a service that takes messages and says
// nothing, and the rest for it given back at once; others are not held up.
func TestSilentService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var silent atomic.Int32
		w.answer = func(ctx context.Context, _ *senders.Message, to *inbox.Address) senders.Answer {
			if strings.HasPrefix(to.Target, "silent") {
				silent.Add(1)
				<-ctx.Done()
				return senders.Answer{Result: senders.Unanswered}
			}
			return senders.Answer{Result: senders.Accepted}
		}
		deliver := func(user, target string) (end senders.End, took time.Duration) {
			w.subscribe(user, target)
			o := w.decide(user, 0, w.notify(user, user))
			began := time.Now()
			end, _ = w.sender.Deliver(t.Context(), user, o, nil)
			return end, time.Since(began)
		}
		if end, took := deliver("first", "silent/0"); end != senders.EndSent || took != 30*time.Second {
			t.Fatalf("got %s after %s", end, took)
		}
		time.Sleep(time.Minute)
		ends := map[senders.End]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				end, took := deliver(fmt.Sprintf("user-%d", i), "silent/1")
				mu.Lock()
				defer mu.Unlock()
				if ends[end]++; end == senders.EndFailed && took > 0 {
					t.Errorf("given back after %s", took)
				}
			})
			all.Go(func() {
				if end, took := deliver(fmt.Sprintf("other-%d", i), "good/1"); end != senders.EndSent || took > 0 {
					t.Errorf("another service: %s after %s", end, took)
				}
			})
		}
		all.Wait()
		if ends[senders.EndSent] != 1 || ends[senders.EndFailed] != 99 || silent.Load() != 2 {
			t.Errorf("got %v, asked %d times", ends, silent.Load())
		}
	})
}

// TestSlowService has a service that takes long hold up neither others nor, beyond its
// slots, those who are for it.
func TestSlowService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var most, now atomic.Int32
		w.answer = func(context.Context, *senders.Message, *inbox.Address) senders.Answer {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(20 * time.Second)
			return senders.Answer{Result: senders.Accepted}
		}
		var ends sync.Map
		var all sync.WaitGroup
		for i := range 500 {
			all.Go(func() {
				user := fmt.Sprintf("user-%d", i)
				w.subscribe(user, "slow/1")
				o := w.decide(user, 0, w.notify(user, user))
				end, _ := w.sender.Deliver(t.Context(), user, o, nil)
				n, _ := ends.LoadOrStore(end, new(atomic.Int32))
				n.(*atomic.Int32).Add(1)
			})
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); took > 21*time.Second || most.Load() > 64 {
			t.Errorf("all have ended after %s, %d at once", took, most.Load())
		}
		n, _ := ends.Load(senders.EndSent)
		if sent := n.(*atomic.Int32).Load(); sent != 64 {
			t.Errorf("%d are sent", sent)
		}
	})
}

// TestSeenAgainstTheDecision races "seen" against the decision: an item whose seen lies
// before the decision in the log is never sent.
func TestSeenAgainstTheDecision(t *testing.T) {
	t.Parallel()
	races := 10_000
	if testing.Short() {
		races = 500
	}
	w := newWorld(t)
	var before, after, told int
	for i := range races {
		user := fmt.Sprintf("user-%d", i)
		w.subscribe(user, "a.example/1")
		seq := w.notify(user, user)
		evaluated := seq
		var seen, decided uint64
		var all sync.WaitGroup
		see := func() { seen = w.append(user, inbox.Record{Kind: inbox.KindSeen, Seqs: []uint64{seq}}) }
		decide := func() {
			decided = w.append(user, inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{seq}, Tell: &inbox.Tell{
				Channel: channel, Kind: inbox.EndpointWebPush, Evaluated: evaluated, GoodUntil: time.Now().Add(time.Hour).UnixMilli(),
			}})
			// As the owner emits it, also if there is nothing to tell.
			o := inbox.Outbound{Channel: channel, Kind: inbox.EndpointWebPush, Decision: decided, GoodUntil: time.Now().Add(time.Hour).UnixMilli()}
			if end, err := w.sender.Deliver(t.Context(), user, o, nil); err != nil || end != senders.EndSent && end != senders.EndNothing {
				t.Errorf("got %s, %v", end, err)
			}
		}
		// The one that is started last mostly runs first.
		if rand.IntN(2) == 0 {
			see, decide = decide, see
		}
		all.Go(see)
		all.Go(decide)
		all.Wait()
		w.mu.Lock()
		isSent := len(w.sent) > told
		told = len(w.sent)
		w.mu.Unlock()
		switch {
		case seen < decided && isSent:
			t.Fatalf("race %d: seen at %d, decided at %d, and sent", i, seen, decided)
		case seen < decided:
			before++
		default:
			after++
		}
	}
	t.Logf("%d seen before the decision, %d after it, %d sent", before, after, told)
	if before == 0 || told == 0 {
		t.Error("one side won each race: this shows nothing")
	}
}

// reject has all services take nothing from now on.
func (w *world) reject() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(context.Context, *senders.Message, *inbox.Address) senders.Answer {
		return senders.Answer{Result: senders.Rejected}
	}
}
