package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
)

// Limits bounds what one request may cost. Zero fields take the defaults.
type Limits struct {
	// BodyBytes is the largest body of a call that writes notifications or
	// retractions; the default is DefaultBodyBytes.
	BodyBytes int64
	// HeaderBytes is the most that a request's line and headers may have; the
	// default is DefaultHeaderBytes.
	HeaderBytes int
	// Append is how long to wait for the broker's acknowledgement; the default
	// is DefaultAppend.
	Append time.Duration
	// Request is how long a client may take to send a body, and after that to
	// read the answer; the default is DefaultRequest. Streams have their own.
	Request time.Duration
}

// Defaults of Limits and Config.
const (
	DefaultBodyBytes    = 1 << 20
	DefaultHeaderBytes  = 32 << 10
	DefaultAppend       = 30 * time.Second // a dead broker of three holds acks back for up to 15 s
	DefaultRequest      = time.Minute
	DefaultPollInterval = 30 * time.Second
	DefaultTokenTrust   = time.Minute
)

// Config is what a Server is made of. Rows, Items, Journal and Auth are
// required.
type Config struct {
	Rows    Rows
	Items   Items
	Journal Journal
	Auth    Auth

	// Readiness tells what /readyz depends on; nil is always ready.
	Readiness func() []Condition
	// Lag returns what /v1/lag answers, as a value for encoding/json; nil
	// makes the call unavailable.
	Lag func(context.Context) (any, error)
	// LagMetrics serves /metrics/lag; nil makes it not found.
	LagMetrics http.Handler
	// Registry takes the package's metrics and is what /metrics serves; nil is
	// a new one. Two Servers cannot share it: their metrics have equal names.
	Registry *prometheus.Registry
	// MetricsOnAPI serves /metrics and /metrics/lag beside the API as well,
	// for scope belfry:ops.
	MetricsOnAPI bool
	// Pages serves "/" and whatever it needs; nil serves none.
	Pages http.Handler

	// Logger takes what an operator must know; nil discards it.
	Logger *slog.Logger
	Limits Limits
	// PollInterval is how often clients may ask for the badge when there is
	// nothing else to do; the default is DefaultPollInterval.
	PollInterval time.Duration
	// TokenTrust is how long a token whose signature was found good is believed
	// without another look, never beyond its own end; the default is
	// DefaultTokenTrust, and less than 0 looks each time.
	TokenTrust time.Duration
}

// Server answers the HTTP API. It is safe for concurrent use.
type Server struct {
	config  Config
	log     *slog.Logger
	metrics *metrics
	streams *streams
	handler http.Handler
	ops     http.Handler
	load    *load
	badges  Badges

	pollLimit *pollLimit
	draining  atomic.Bool
}

// New returns a Server, or an error that names what is missing in config.
func New(config Config) (*Server, error) {
	switch {
	case config.Rows == nil:
		return nil, errors.New("server: Rows is required")
	case config.Items == nil:
		return nil, errors.New("server: Items is required")
	case config.Journal == nil:
		return nil, errors.New("server: Journal is required")
	case config.Auth == nil:
		return nil, errors.New("server: Auth is required")
	}
	if config.Registry == nil {
		config.Registry = prometheus.NewRegistry()
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.PollInterval <= 0 {
		config.PollInterval = DefaultPollInterval
	}
	if config.TokenTrust == 0 {
		config.TokenTrust = DefaultTokenTrust
	}
	config.Limits.setDefaults()
	config.Auth = rememberTokens(config.Auth, config.TokenTrust)
	s := &Server{
		config:  config,
		log:     config.Logger.With("component", "server"),
		metrics: newMetrics(config.Registry),
		load:    newLoad(),
		badges:  badgesOf(config.Rows),

		pollLimit: newPollLimit(),
	}
	s.streams = newStreams(config.Rows, config.Items, config.Registry, s.log)
	api := mux.NewRouter()
	s.routes(api)
	s.handler = s.admit(newPolls(s).before(api))
	ops := mux.NewRouter()
	s.opsRoutes(ops)
	s.ops = ops
	return s, nil
}

func (l *Limits) setDefaults() {
	if l.BodyBytes <= 0 {
		l.BodyBytes = DefaultBodyBytes
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = DefaultHeaderBytes
	}
	if l.Append <= 0 {
		l.Append = DefaultAppend
	}
	if l.Request <= 0 {
		l.Request = DefaultRequest
	}
}

// Handler returns the API, its pages and its health. It needs no Serve.
func (s *Server) Handler() http.Handler { return s.handler }

// MetricsHandler returns /metrics, /metrics/lag, /healthz and /readyz, open to
// all: for an address that only operators reach.
func (s *Server) MetricsHandler() http.Handler { return s.ops }
