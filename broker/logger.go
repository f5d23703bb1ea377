package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// bridge carries kfake's printf log to slog. kfake reports what it could not
// save at Close only there, so from collect on the bridge keeps errors instead
// of logging them.
type bridge struct {
	logger *slog.Logger

	mu         sync.Mutex
	collecting bool
	failures   []error
}

var _ kfake.Logger = (*bridge)(nil)

func newBridge(logger *slog.Logger) *bridge {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &bridge{logger: logger.With("component", "broker")}
}

// Logf implements kfake.Logger. kfake's info level is one line per request,
// hence debug here.
func (b *bridge) Logf(level kfake.LogLevel, format string, args ...any) {
	var at slog.Level
	switch level {
	case kfake.LogLevelError:
		if b.keep(format, args) {
			return
		}
		at = slog.LevelError
	case kfake.LogLevelWarn:
		at = slog.LevelWarn
	default:
		at = slog.LevelDebug
	}
	ctx := context.Background()
	if b.logger.Enabled(ctx, at) {
		b.logger.Log(ctx, at, "embedded broker", "detail", fmt.Sprintf(format, args...))
	}
}

func (b *bridge) keep(format string, args []any) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.collecting {
		b.failures = append(b.failures, fmt.Errorf(format, args...))
	}
	return b.collecting
}

func (b *bridge) collect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.collecting = true
}

func (b *bridge) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.failures...)
}
