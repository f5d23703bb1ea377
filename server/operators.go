package server

import (
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/server/limit"
)

// OpsConfig is what the address for operators shows of a process that has no
// Server; its fields are those of Config. Registry is required.
type OpsConfig struct {
	Registry   *prometheus.Registry
	Readiness  func() []Condition
	LagMetrics http.Handler
	Logger     *slog.Logger
}

// Ops returns what [Server.MetricsHandler] does, for a process without a
// Server: /metrics, /metrics/lag, /healthz and /readyz, open to all.
func Ops(config OpsConfig) http.Handler {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config: Config{Registry: config.Registry, Readiness: config.Readiness, LagMetrics: config.LagMetrics},
		log:    config.Logger.With("component", "ops"), metrics: newMetrics(config.Registry), load: limit.NewLoad(nil),
	}
	s.config.Limits.setDefaults()
	m := mux.NewRouter()
	s.opsRoutes(m)
	return m
}
