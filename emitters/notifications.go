package emitters

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
)

// Notifications writes to the built-in source topic, as any other service does.
// It is safe for concurrent use.
type Notifications struct{ emitter *engine.Emitter }

// OpenNotifications connects to the brokers; the topic must exist.
func OpenNotifications(cfg engine.Config, prefix belfry.Prefix) (*Notifications, error) {
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
	values := make([][]byte, len(notifications))
	for i := range notifications {
		if err := notifications[i].Check(); err != nil {
			return belfry.In(fmt.Sprintf("[%d]", i), err)
		}
		value, err := json.Marshal(&notifications[i])
		if err != nil {
			return fmt.Errorf("encode notification: %w", err)
		}
		values[i] = value
	}
	var wait pending
	for i, value := range values {
		promise, err := n.emitter.Emit(notifications[i].Recipient, value)
		if err != nil {
			return fmt.Errorf("write notification: %w", err)
		}
		wait.add(promise, nil)
	}
	if err := wait.done(ctx); err != nil {
		return fmt.Errorf("write notification: %w", err)
	}
	return nil
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
