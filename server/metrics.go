package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

// pollRoute is the route whose answers are counted as polls.
const pollRoute = "/v1/users/{user}/unread"

// metrics is what the requests tell of themselves; streams have their own.
type metrics struct {
	polls    *prometheus.CounterVec
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		polls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_polls_total",
			Help: "Answers to polls of a badge, by status code.",
		}, []string{"code"}),
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_http_requests_total",
			Help: "Requests answered, streams aside, by route, method and status code.",
		}, []string{"route", "method", "code"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "belfry_http_request_duration_seconds",
			Help:    "Time from a request to the end of its answer, streams aside, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30},
		}, []string{"route"}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_http_requests_in_flight",
			Help: "Requests being answered, streams aside.",
		}),
	}
	for _, code := range []string{"200", "304", "429", "503"} {
		m.polls.WithLabelValues(code)
	}
	return m
}

// instrument counts and times the requests of a route, gives each its time to
// be read, and survives panics.
func (s *Server) instrument(route string, next http.Handler) http.Handler {
	duration := s.metrics.duration.WithLabelValues(route)
	next = s.recovered(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.load.Requests.Add(1)
		s.metrics.inFlight.Inc()
		rec := s.newResponse(w, r)
		defer func() {
			rec.release()
			s.load.Requests.Add(-1)
			s.metrics.inFlight.Dec()
			duration.Observe(time.Since(start).Seconds())
			if !rec.refused && rec.code() != http.StatusUnauthorized && rec.code() != http.StatusTooManyRequests && route != noRoute {
				limit.Answered(r.Context())
			}
			code := strconv.Itoa(rec.code())
			s.metrics.requests.WithLabelValues(route, methodLabel(r.Method), code).Inc()
			if route == pollRoute {
				s.metrics.polls.WithLabelValues(code).Inc()
			}
		}()
		// A connection keeps the deadline of the answer before.
		wire.AllowWrites(w, s.config.Limits.Request)
		if !rec.refused {
			next.ServeHTTP(rec, r)
			rec.finish()
		}
	})
}

// methodLabel keeps clients from making labels.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete,
		http.MethodPut, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "other"
}
