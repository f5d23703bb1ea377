package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/server/limit"
)

// The port of metrics is for scrapers, probes and people, who are few. It asks for no token,
// and the descriptors that it takes are those of files and brokers.
const (
	metricsConnections           = 64
	metricsConnectionsPerAddress = 32
	metricsHeaderTimeout         = 10 * time.Second
	metricsIdleTimeout           = 30 * time.Second
	metricsWriteTimeout          = time.Minute
)

// serveMetrics serves until ctx ends. Scrapes are short: none is waited for.
func serveMetrics(ctx context.Context, ln net.Listener, handler http.Handler) error {
	connections := limit.NewConnections(limit.Bounds{
		Total: metricsConnections, Descriptors: metricsConnections, PerAddress: metricsConnectionsPerAddress, SilentPerAddress: metricsConnectionsPerAddress,
		Shared:   func(netip.Addr) bool { return false },
		Hijacked: func(netip.Addr) (all, ofAddress int) { return 0, 0 },
		Reap:     func() {},
	}, prometheus.NewRegistry()) // its metrics are those of the API's port
	srv := &http.Server{
		Handler: handler, ConnState: connections.Track,
		ReadHeaderTimeout: metricsHeaderTimeout, IdleTimeout: metricsIdleTimeout, WriteTimeout: metricsWriteTimeout,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics on %s: %w", ln.Addr(), err)
	}
	return nil
}
