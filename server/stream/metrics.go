package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/server/wire"
)

// Why a stream ended, for metrics, besides the reasons of bye.
const (
	endGone     = "gone"      // the client went
	endWrite    = "write"     // a write failed or took too long
	endNotReady = "not_ready" // the tables are not recovered
	endError    = "error"     // a row could not be read
)

// metrics is what the streams count.
type metrics struct {
	connections prometheus.Gauge
	events      *prometheus.CounterVec
	conflated   prometheus.Counter
	ends        *prometheus.CounterVec
	catchups    *prometheus.CounterVec
	delay       prometheus.Histogram
	byEvent     map[string]prometheus.Counter // of events
}

// delivered observes how long a change, by the time of its record in the journal,
// took to a stream.
func (m *metrics) delivered(changed, now time.Time) {
	if !changed.IsZero() {
		m.delay.Observe(max(now.Sub(changed), 0).Seconds())
	}
}

// event counts an event that was written; the beginning of a stream is none.
func (m *metrics) event(name string) {
	if c, ok := m.byEvent[name]; ok {
		c.Inc()
	}
}

// newMetrics registers the metrics with reg, or with nobody if that is
// nil.
func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	m := metrics{
		connections: f.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_stream_connections",
			Help: "Streams that are open.",
		}),
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_stream_events_total",
			Help: "Events written to streams, by kind.",
		}, []string{"kind"}),
		conflated: f.NewCounter(prometheus.CounterOpts{
			Name: "belfry_stream_conflated_wakes_total",
			Help: "Changes that found their stream about to look at the tables anyway.",
		}),
		ends: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_stream_ends_total",
			Help: "Streams that ended or were refused, by reason: gone, write, drain, expired, limit, not_ready or error.",
		}, []string{"reason"}),
		catchups: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_stream_catchups_total",
			Help: "How streams were taken up: snapshot (no cursor), replayed or resync.",
		}, []string{"outcome"}),
	}
	m.delay = f.NewHistogram(prometheus.HistogramOpts{
		Name:    "belfry_record_to_socket_seconds",
		Help:    "Time from a journal record's timestamp to its change being written to a stream that was open: of the newest change of each batch.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10, 30, 60, 600, 3600},
		// Native ones beside them, for scrapers that ask for those (protobuf).
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	})
	m.byEvent = map[string]prometheus.Counter{}
	for _, name := range []string{eventItem, eventState, eventUnread, eventPing, eventResync, wire.EventBye} {
		m.byEvent[name] = m.events.WithLabelValues(name)
	}
	return m
}
