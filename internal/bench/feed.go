package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// feedTick is how often a feed writes what has become due.
const feedTick = time.Millisecond

// Feed writes events for users in turn.
type Feed struct {
	Kafka  kafka.Config
	Prefix belfry.Prefix
	Users  int // at least 1
	// Rate is in events per second; 0 is as fast as the brokers take them.
	Rate int
	// Journal writes to the journal as the router would. Otherwise events go to
	// the notifications topic as any service writes them.
	Journal bool
	// Due, if not nil, is called before an event is written, with its id and
	// the time when it was due: a feed that falls behind must not look fast.
	Due func(id string, at time.Time)
	// First is the number of the first event.
	First int
	// Recipients, if above 1, is how many of the users, in turn, each event is for; not with
	// Journal, Due or Zipf. At most belfry.MaxRecipients.
	Recipients int
	// Zipf, if above 1, is the exponent of the law by which users get events instead of
	// in turn, the same ones in each feed: of 1.1, a seventh goes to the first of 10,000.
	Zipf float64

	chosen *rand.Zipf
}

// Run writes n events, or until ctx ends if n is 0, and waits until the brokers
// have acknowledged all. It returns how many it wrote; every one of them is
// acknowledged unless there is an error. That ctx ended is none if n is 0.
func (f *Feed) Run(ctx context.Context, n int) (written int, err error) {
	topic := f.Prefix.Notifications()
	if f.Journal {
		topic = f.Prefix.Journal()
	}
	out, err := f.Kafka.NewProducer("belfry-bench", false)
	if err != nil {
		return 0, err
	}
	var (
		pending sync.WaitGroup
		failed  atomic.Pointer[error]
	)
	defer func() {
		acknowledged := make(chan struct{})
		go func() {
			defer close(acknowledged)
			pending.Wait()
		}()
		select {
		case <-acknowledged:
		case <-ctx.Done():
		}
		// It fails what is not acknowledged within some seconds.
		err = errors.Join(err, out.Stop())
		<-acknowledged
		if e := failed.Load(); e != nil {
			err = errors.Join(err, fmt.Errorf("write events: %w", *e))
		}
	}()
	if f.Zipf > 1 {
		f.chosen = rand.NewZipf(rand.New(rand.NewPCG(1, 2)), f.Zipf, 1, uint64(f.Users-1))
	}
	tick := time.NewTicker(feedTick)
	defer tick.Stop()
	began := time.Now()
	for written = 0; n == 0 || written < n; written++ {
		due := time.Now()
		if f.Rate > 0 {
			due = began.Add(time.Duration(written) * time.Second / time.Duration(f.Rate))
		}
		for ctx.Err() == nil && time.Now().Before(due) {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		if failed.Load() != nil {
			return written, nil
		}
		if err := ctx.Err(); err != nil {
			if n == 0 {
				return written, nil
			}
			return written, err
		}
		key, value, err := f.encode(f.First+written, due)
		if err != nil {
			return written, err
		}
		pending.Add(1)
		out.Emit(topic, key, value).Then(func(err error) {
			defer pending.Done()
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	return written, nil
}

func (f *Feed) encode(i int, due time.Time) (key string, value []byte, err error) {
	e := Event(i, f.Users, due)
	if f.Recipients > 1 {
		return f.encodeForMany(i, e)
	}
	if f.chosen != nil {
		e.Recipient = Recipient(int(f.chosen.Uint64()), f.Users)
	}
	if f.Due != nil {
		f.Due(e.ID, due)
	}
	if !f.Journal {
		value, err = json.Marshal(&e)
		return e.Recipient, value, err
	}
	key, e.Recipient = e.Recipient, ""
	value, err = codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: e})
	return key, value, err
}

func (f *Feed) encodeForMany(i int, e belfry.Notification) (key string, value []byte, err error) {
	many := struct {
		belfry.Notification
		Recipient  string   `json:"recipient,omitempty"` // hides that of the notification
		Recipients []string `json:"recipients"`
	}{Notification: e}
	for j := range f.Recipients {
		many.Recipients = append(many.Recipients, Recipient(i*f.Recipients+j, f.Users))
	}
	value, err = json.Marshal(&many)
	return e.ID, value, err
}

// Event is the i-th event: about 290 bytes of JSON, as a service would send it.
func Event(i, users int, now time.Time) belfry.Notification {
	return belfry.Notification{
		ID: fmt.Sprintf("evt-%09d", i), Recipient: Recipient(i, users),
		Source: "/services/board", Type: "board.comment", Category: "board",
		Title: belfry.PlainText("Sara Lind commented on your post"),
		Body:  belfry.PlainText("Thank you, that is just what we were looking for."),
		URL:   fmt.Sprintf("/board/%d#comments", i), Actor: belfry.Actor{ID: "sara", Name: "Sara Lind"}, Time: now.UTC(),
	}
}

// Recipient is whom the i-th event is for.
func Recipient(i, users int) string { return fmt.Sprintf("user-%07d", i%users) }
