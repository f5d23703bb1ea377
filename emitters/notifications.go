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
	messages := make([]message, len(notifications))
	for i := range notifications {
		if err := notifications[i].Check(); err != nil {
			return belfry.In(fmt.Sprintf("[%d]", i), err)
		}
		value, err := json.Marshal(&notifications[i])
		if err != nil {
			return fmt.Errorf("encode notification: %w", err)
		}
		messages[i] = message{cmp.Or(notifications[i].Recipient, notifications[i].Audience), value}
	}
	if _, err := write(ctx, n.out, n.topic, messages, nil); err != nil {
		return fmt.Errorf("write notification: %w", err)
	}
	return nil
}

// Retract takes notifications back, with Emit's key, order and errors: those of
// one recipient come to it in the order in which they were written.
func (n *Notifications) Retract(ctx context.Context, retractions ...belfry.Retraction) error {
	messages := make([]message, len(retractions))
	for i := range retractions {
		if err := retractions[i].Check(); err != nil {
			return belfry.In(fmt.Sprintf("[%d]", i), err)
		}
		value, err := json.Marshal(struct {
			Retract bool `json:"retract"`
			*belfry.Retraction
		}{true, &retractions[i]})
		if err != nil {
			return fmt.Errorf("encode retraction: %w", err)
		}
		messages[i] = message{cmp.Or(retractions[i].Recipient, retractions[i].Audience), value}
	}
	if _, err := write(ctx, n.out, n.topic, messages, nil); err != nil {
		return fmt.Errorf("write retraction: %w", err)
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
