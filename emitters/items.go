package emitters

import (
	"context"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// Items takes contents out of the inbox table that no row holds. It is safe for
// concurrent use.
type Items struct {
	out   *kafka.Producer
	topic string
}

// OpenItems connects to the brokers; the inbox table must exist.
func OpenItems(cfg kafka.Config, prefix belfry.Prefix) (*Items, error) {
	out, err := open(cfg)
	if err != nil {
		return nil, err
	}
	return &Items{out, prefix.InboxTable()}, nil
}

// Remove writes the tombstone of one content and waits for the broker's
// acknowledgement. After an error it may or may not have been written; when ctx
// ends first, it probably will be. To remove what is not there does no harm.
func (i *Items) Remove(ctx context.Context, key inbox.ContentKey) error {
	if _, err := write(ctx, i.out, i.topic, []message{{key.String(), nil}}, nil); err != nil {
		return fmt.Errorf("write tombstone: %w", err)
	}
	return nil
}

// Close waits for what is under way and disconnects. There must be no Remove
// during or after it.
func (i *Items) Close() error { return i.out.Stop() }
