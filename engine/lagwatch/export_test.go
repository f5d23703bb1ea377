package lagwatch

import (
	"context"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/lag"
)

// Read collects once. Without earlier observations the time lag of others'
// groups, and how long they take to catch up, are known in part only.
func Read(ctx context.Context, cfg kafka.Config, what Config) (lag.Report, error) {
	l := New(cfg, what)
	client := &lagClient{cfg: cfg}
	defer client.close()
	return l.read(ctx, client)
}
