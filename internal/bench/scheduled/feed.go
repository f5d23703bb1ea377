package scheduled

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench"
)

// write writes n notifications to the journal as a router would, and waits for the
// brokers. Of each it asks whom it is for, when it is written, the zero Time for at once,
// and when it is due, the zero Time for at once.
func write(ctx context.Context, s bench.Site, n int, event func(i int) (user string, at, due time.Time)) error {
	client, err := kgo.NewClient(append(s.Kafka.ClientOptions("belfry-bench"), kgo.DefaultProduceTopic(s.Prefix.Journal()))...)
	if err != nil {
		return fmt.Errorf("open kafka client: %w", err)
	}
	defer client.Close()
	var (
		mu     sync.Mutex
		failed error
	)
	for i := range n {
		user, at, due := event(i)
		if err := bench.Pause(ctx, time.Until(at)); err != nil {
			return err
		}
		e := bench.Event(i, 1, time.Now())
		e.Recipient, e.DeliverAt = "", due
		value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: e})
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		client.Produce(ctx, &kgo.Record{Key: []byte(user), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if failed != nil {
		return fmt.Errorf("write events: %w", failed)
	}
	return nil
}
