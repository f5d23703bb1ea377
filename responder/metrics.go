package responder

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/reach/door"
)

// result is what became of a request.
type result string

const (
	resultOK         result = "ok"
	resultError      result = "error"      // its answer says what is wrong with it
	resultCommand    result = "command"    // done; no answer was asked for
	resultRefused    result = "refused"    // not done, and nobody could be told: a dead letter
	resultUnanswered result = "unanswered" // done, and its answer could not be written: a dead letter
	resultGivenUp    result = "given-up"   // read again by whoever has the partition next
)

type metrics struct {
	answers  *prometheus.CounterVec
	seconds  prometheus.Histogram
	inFlight prometheus.Gauge
	bounces  *door.Bounces
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	bounces, err := door.NewBounces(reg)
	if err != nil {
		panic(err) // as promauto does
	}
	return &metrics{
		bounces: bounces,
		answers: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_request_answers_total", Help: "Requests over Kafka that were ended, by action (subscribe, unsubscribe, set-preferences, list, bounce, subscribe-topic, unsubscribe-topic, list-topics, join, unknown) and result: ok, error (the answer says what is wrong), command (no answer was asked for), refused (not done, and nobody could be told: a dead letter), unanswered (done, and its answer could not be written: a dead letter), given-up (read again by whoever has the partition next).",
		}, []string{"action", "result"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "belfry_request_answer_seconds", Help: "Time from a request's timestamp to the acknowledgement of its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 600}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}),
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_requests_in_flight", Help: "Requests over Kafka that were begun and are not ended.",
		}),
	}
}

// sometimes returns the logger once a minute for each cause, and how many more there were
// of it since the last line; nil in between.
func (r *Responder) sometimes(cause ...string) (*slog.Logger, int) {
	return r.notices.Sometimes(r.Log, cause...)
}
