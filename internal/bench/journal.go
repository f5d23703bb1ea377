package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// written is an event in the journal.
type written struct {
	user    string
	version uint64    // of the user's row with it, in a journal of the first epoch
	due     time.Time // when it was to be written
	acked   time.Time // when the brokers had acknowledged it
}

// writer writes events to the journal as the router would, one batch for each
// that is due. It is of one goroutine.
type writer struct {
	client *kgo.Client
	n      int // events so far
}

func openWriter(cfg kafka.Config, prefix belfry.Prefix) (*writer, error) {
	client, err := connect(cfg, kgo.DefaultProduceTopic(prefix.Journal()), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	return &writer{client: client}, nil
}

func (w *writer) close() { w.client.Close() }

// load is events at a steady rate for some users, each for one of them at
// random.
type load struct {
	rate  int
	users []string
}

// write writes the loads for that time and returns the events when all have been
// acknowledged.
func (w *writer) write(ctx context.Context, duration time.Duration, loads ...load) ([]written, error) {
	var (
		mu      sync.Mutex
		done    []written
		failed  error
		pending sync.WaitGroup
	)
	random := rand.New(rand.NewPCG(1, uint64(w.n)))
	tick := time.NewTicker(feedTick)
	defer tick.Stop()
	began := time.Now()
	sent := make([]int, len(loads))
	for open := true; open; {
		now := time.Since(began)
		open = now < duration
		for i, l := range loads {
			for ; time.Duration(sent[i])*time.Second/time.Duration(l.rate) <= min(now, duration); sent[i]++ {
				due := began.Add(time.Duration(sent[i]) * time.Second / time.Duration(l.rate))
				user := l.users[random.IntN(len(l.users))]
				e := Event(w.n, 1, due)
				w.n++
				e.Recipient = ""
				value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: e})
				if err != nil {
					return nil, err
				}
				pending.Add(1)
				w.client.Produce(ctx, &kgo.Record{Key: []byte(user), Value: value}, func(r *kgo.Record, err error) {
					defer pending.Done()
					acked := time.Now()
					mu.Lock()
					defer mu.Unlock()
					failed = errors.Join(failed, err)
					done = append(done, written{user: user, version: uint64(r.Offset) + 1, due: due, acked: acked})
				})
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			open = false
		}
	}
	pending.Wait()
	if failed != nil {
		return nil, fmt.Errorf("write events: %w", failed)
	}
	return done, ctx.Err()
}
