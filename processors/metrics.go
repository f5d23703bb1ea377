package processors

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry"
)

// Metrics are those of all groups of one process.
type Metrics struct {
	records     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	delay       *prometheus.HistogramVec
	refused     prometheus.Counter
	matches     *prometheus.CounterVec
}

// NewMetrics registers the metrics with reg, once for each process.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		records: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_records_total", Help: "Records processed, by consumer group and result.",
		}, []string{"group", "result"}),
		deadLetters: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_dead_letters_total", Help: "Records set aside, by consumer group and reason.",
		}, []string{"group", "reason"}),
		delay: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "belfry_record_delay_seconds", Help: "Time from a record's timestamp to its processing, by consumer group.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600},
		}, []string{"group"}),
		matches: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_rule_matches_total", Help: "Events that a rule has matched and found recipients for.",
		}, []string{"rule"}),
		refused: f.NewCounter(prometheus.CounterOpts{
			Name: "belfry_refused_rows_total", Help: "Rows of a lower version than the store had, met while it was recovered.",
		}),
	}
}

func (m *Metrics) processed(group, result string, at time.Time) {
	m.records.WithLabelValues(group, result).Inc()
	m.delay.WithLabelValues(group).Observe(max(time.Since(at).Seconds(), 0))
}

func (m *Metrics) matched(rule string) { m.matches.WithLabelValues(rule).Inc() }

func (m *Metrics) dead(group string, reason belfry.Reason) {
	m.records.WithLabelValues(group, "dead-letter").Inc()
	m.deadLetters.WithLabelValues(group, string(reason)).Inc()
}
