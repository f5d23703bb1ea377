package senders_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
)

// owner decides for a user as the owner of the row does, by the same functions, until the
// user is told. It returns how many records that took, and how long decisions were on
// their way at the most.
func (w *world) owner(user string, p *reach.Policy) (records int, longest time.Duration) {
	for {
		row, _ := w.Row(user)
		first, ok := reach.First(reach.Due(user, &row, p, time.Now()))
		if !ok {
			return records, longest
		}
		time.Sleep(time.Until(first.At))
		row, _ = w.Row(user)
		for _, tell := range reach.Tells(user, &row, p, time.Now()) {
			v := w.append(user, tell)
			records++
			began := time.Now()
			end, err := w.sender.Deliver(context.Background(), user, inbox.Outbound{
				Channel: tell.Tell.Channel, Kind: tell.Tell.Kind, Decision: v, Attempt: tell.Tell.Attempt, GoodUntil: tell.Tell.GoodUntil,
			}, nil)
			longest = max(longest, time.Since(began))
			switch end {
			case senders.EndSent, senders.EndNothing:
			case senders.EndFailed, senders.EndLate:
				records++
			default:
				w.t.Errorf("%s: %s, %v", user, end, err)
				return records, longest
			}
		}
	}
}

// TestOutage has a service answer 503, or nothing at all, for an hour while 300 users are
// to be told: nobody is missed, nothing keeps a decision longer than its window, and it
// costs the journal few records.
func TestOutage(t *testing.T) {
	const users, outage = 300, time.Hour
	for name, down := range map[string]senders.Result{"503": senders.Unavailable, "unreachable": senders.Unreachable, "429": senders.Limited} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				back := time.Now().Add(outage)
				var asked, told atomic.Int32
				w.answer = func(context.Context, *senders.Message, *inbox.Address) senders.Answer {
					if time.Now().Before(back) {
						asked.Add(1)
						return senders.Answer{Result: down}
					}
					told.Add(1)
					return senders.Answer{Result: senders.Accepted}
				}
				policy := &reach.Policy{Channels: []reach.Channel{{Name: channel, Kind: inbox.EndpointWebPush, Tell: []reach.Rule{{After: time.Minute}}, DailyCap: 20}}}
				var mu sync.Mutex
				total, most, longest := 0, 0, time.Duration(0)
				var all sync.WaitGroup
				for i := range users {
					all.Go(func() {
						user := fmt.Sprintf("user-%d", i)
						time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Minute))))
						w.subscribe(user, "down.example/1")
						w.notify(user, user)
						n, took := w.owner(user, policy)
						mu.Lock()
						defer mu.Unlock()
						total, most, longest = total+n, max(most, n), max(longest, took)
					})
				}
				all.Wait()
				late := time.Since(back)
				t.Logf("%d users: tell and untell a user %.1f, at most %d; asked %d times while it was down; the last was told %s after it was back", users, float64(total)/users, most, asked.Load(), late.Round(time.Minute))
				if told.Load() != users {
					t.Errorf("%d are told, want each once", told.Load())
				}
				if longest > 31*time.Second || most > 24 || late > 76*time.Minute {
					t.Errorf("a decision took %s, %d records for a user, %s after", longest, most, late)
				}
			})
		})
	}
}
