package emitters

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// Notifications writes to the built-in source topic, as any other service does.
// It is safe for concurrent use.
type Notifications struct{ emitter *engine.Emitter }

// OpenNotifications connects to the brokers; the topic must exist.
func OpenNotifications(cfg kafka.Config, prefix belfry.Prefix) (*Notifications, error) {
	e, err := engine.NewEmitter(cfg, prefix.Notifications())
	if err != nil {
		return nil, err
	}
	return &Notifications{e}, nil
}

// Emit checks the notifications, writes them, keyed by recipient, and waits for
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
		messages[i] = message{notifications[i].Recipient, value}
	}
	if err := n.write(ctx, messages); err != nil {
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
		messages[i] = message{retractions[i].Recipient, value}
	}
	if err := n.write(ctx, messages); err != nil {
		return fmt.Errorf("write retraction: %w", err)
	}
	return nil
}

// message is one record to write, keyed by its recipient.
type message struct {
	recipient string
	value     []byte
}

func (n *Notifications) write(ctx context.Context, messages []message) error {
	var wait pending
	for _, m := range messages {
		promise, err := n.emitter.Emit(m.recipient, m.value)
		if err != nil {
			return err
		}
		wait.add(promise, nil)
	}
	return wait.done(ctx)
}

// EmitRaw writes one value, checked by the caller, without waiting; done is
// called once, from any goroutine, with the outcome. It blocks while the
// producer's buffers are full.
func (n *Notifications) EmitRaw(recipient string, value []byte, done func(error)) error {
	promise, err := n.emitter.Emit(recipient, value)
	if err != nil {
		return fmt.Errorf("write notification: %w", err)
	}
	promise.Then(done)
	return nil
}

// Close waits for what is under way and disconnects. There must be no Emit
// during or after it.
func (n *Notifications) Close() error { return n.emitter.Finish() }
