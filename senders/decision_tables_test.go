package senders_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/senders"
)

// recovering is a table of contents that cannot be read in a stretch of time, as from the
// time that the sender first reads an item if that comes before.
type recovering struct {
	*world
	from, until time.Time
	atItem      bool
}

func (c *recovering) err() error {
	if now := time.Now(); !now.Before(c.from) && now.Before(c.until) {
		return belfry.ErrNotReady
	}
	return nil
}

func (c *recovering) Item(user string, seq uint64) (inbox.Item, bool, error) {
	if c.atItem {
		c.from, c.atItem = time.Now(), false
	}
	item, ok, err := c.world.Item(user, seq)
	if c.err() != nil {
		return inbox.Item{}, false, c.err()
	}
	return item, ok, err
}

func (c *recovering) Endpoint(user string, seq uint64) (inbox.Address, bool, error) {
	a, ok, err := c.world.Endpoint(user, seq)
	if c.err() != nil {
		return inbox.Address{}, false, c.err()
	}
	return a, ok, err
}

// TestDecisionWaitsForTables has the contents be not there to be read, from the start or
// from the midst of an attempt: that is no failed attempt.
func TestDecisionWaitsForTables(t *testing.T) {
	for name, atItem := range map[string]bool{"from the start": false, "from the midst": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				began := time.Now()
				contents := &recovering{world: w, from: began, until: began.Add(10 * time.Minute), atItem: atItem}
				if atItem {
					contents.from = contents.until
				}
				w.sender = senders.New(senders.Config{
					Rows: w, Contents: contents, Journal: w, Transport: w, Metrics: senders.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
				})
				w.subscribe("kim", "a.example/1")
				o := w.decide("kim", 3, w.notify("kim", "one"))
				var causes []string
				end, err := w.sender.Deliver(t.Context(), "kim", o, func(err error) {
					if err == nil {
						causes = append(causes, "")
					} else {
						causes = append(causes, err.Error())
					}
				})
				if took := time.Since(began); end != senders.EndSent || err != nil || took < 10*time.Minute || took > 11*time.Minute || len(w.messages()) != 1 {
					t.Errorf("got %s, %v after %s, %d messages", end, err, took, len(w.messages()))
				}
				if n := len(w.given("kim", inbox.KindUntell)); n != 0 {
					t.Errorf("given back %d times", n)
				}
				if len(causes) != 2 || !strings.Contains(causes[0], "contents") || causes[1] != "" {
					t.Errorf("told to wait for %q", causes)
				}
				// A session that ends gives it up.
				contents.from, contents.until = time.Now(), time.Now().Add(time.Hour)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if end, err := w.sender.Deliver(ctx, "kim", w.decide("kim", 3, w.notify("kim", "two")), nil); end != senders.EndGivenUp || err != nil {
					t.Errorf("got %s, %v", end, err)
				}
			})
		})
	}
}

// TestMissingContentWaitsForNobody has one endpoint want to be left alone for a day, and
// another one whose content does not come in time: that one is tried again soon.
func TestMissingContentWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, *senders.Message, *inbox.Address) senders.Answer {
			return senders.Answer{Result: senders.Limited, Wait: 24 * time.Hour}
		}
		w.subscribe("kim", "a.example/1")
		seq := w.notify("kim", "one")
		w.HoldItems = true
		w.subscribe("kim", "b.example/2")
		if end := w.deliver(w.decide("kim", 0, seq)); end != senders.EndFailed || len(w.messages()) != 1 {
			t.Fatalf("got %s, %d messages", end, len(w.messages()))
		}
		if wait := time.Until(time.UnixMilli(w.given("kim", inbox.KindUntell)[0].Untell.NotBefore)); wait > 2*time.Minute {
			t.Errorf("tried again in %s", wait)
		}
	})
}
