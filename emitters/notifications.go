package emitters

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// Notifications writes to the built-in source topic, as any other service does.
// It is safe for concurrent use.
type Notifications struct {
	out   *kafka.Producer
	topic string
}

// OpenNotifications connects to the brokers; the topic must exist.
func OpenNotifications(cfg kafka.Config, prefix belfry.Prefix) (*Notifications, error) {
	out, err := open(cfg)
	if err != nil {
		return nil, err
	}
	return &Notifications{out, prefix.Notifications()}, nil
}

// Emit checks the notifications, writes them, keyed by recipient or audience, and waits for
// the broker's acknowledgement of all. An error that matches belfry.ErrInvalid
// means that nothing was written; after any other, any of them may have been.
func (n *Notifications) Emit(ctx context.Context, notifications ...belfry.Notification) error {
	return n.send(ctx, "notification", len(notifications), func(i int) (string, any, error) {
		one := &notifications[i]
		return cmp.Or(one.Recipient, one.Audience), one, one.Check()
	})
}

// Retract takes notifications back, with Emit's key, order and errors: those of
// one recipient come to it in the order in which they were written.
func (n *Notifications) Retract(ctx context.Context, retractions ...belfry.Retraction) error {
	return n.send(ctx, "retraction", len(retractions), func(i int) (string, any, error) {
		one := &retractions[i]
		return cmp.Or(one.Recipient, one.Audience), struct {
			Retract bool `json:"retract"`
			*belfry.Retraction
		}{true, one}, one.Check()
	})
}

// send writes count messages of a kind, each under its key, if all of them are good.
func (n *Notifications) send(ctx context.Context, kind string, count int, each func(i int) (key string, value any, err error)) error {
	messages := make([]message, count)
	for i := range messages {
		key, value, err := each(i)
		if err != nil {
			return belfry.In(fmt.Sprintf("[%d]", i), err)
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", kind, err)
		}
		messages[i] = message{key, encoded}
	}
	if _, err := write(ctx, n.out, n.topic, messages, nil); err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	return nil
}

// EmitRaw writes one value, checked by the caller, without waiting; done is
// called once, from any goroutine, with the outcome. It blocks while the
// producer's buffers are full.
func (n *Notifications) EmitRaw(recipient string, value []byte, done func(error)) {
	n.out.Emit(n.topic, recipient, value).Then(done)
}

// Close waits for what is under way and disconnects. There must be no Emit
// during or after it.
func (n *Notifications) Close() error { return n.out.Stop() }
