package senders

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are those of all senders of a process, by channel. A service is an origin, as
// the transport names it.
type Metrics struct {
	registry  prometheus.Registerer
	decisions *prometheus.CounterVec
	answers   *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	inFlight  *prometheus.GaugeVec
	underWay  *prometheus.GaugeVec
	gone      *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"channel"})
	}
	return &Metrics{
		registry:  reg,
		decisions: counter("belfry_outbound_decisions_total", "Decisions that a sender has ended, by channel and result: sent, nothing (left to tell), repeat (was sent before), late, no-endpoint and failed (given back, decided anew), dead-letter, given-up (read again by whoever has the partition next).", "channel", "result"),
		answers:   counter("belfry_outbound_answers_total", "What services said to messages, by channel, service and answer: accepted, unanswered (counts as sent), gone, limited, deferred (this endpoint alone, not now), unavailable, unreachable, unauthorized, rejected.", "channel", "service", "answer"),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "belfry_outbound_answer_seconds", Help: "Time from sending a message to its answer, or to giving up on one, by channel.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"channel"}),
		inFlight: gauge("belfry_outbound_in_flight", "Decisions that a sender has begun and not ended, those that wait for their user's row among them, by channel."),
		underWay: gauge("belfry_outbound_under_way", "Messages sent and not answered yet, by channel."),
		gone:     counter("belfry_outbound_endpoints_gone_total", "Endpoints that their service says are no more, and that were removed, by channel.", "channel"),
	}
}

// watch registers for how long a relay has not worked.
func (m *Metrics) watch(server string, down func(server string) time.Duration) {
	promauto.With(m.registry).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "belfry_outbound_server_down_seconds", Help: "For how long the server that all messages of a kind go through, such as the mail server, has not worked as this process sees it; 0 while it does. What is for it waits.",
		ConstLabels: prometheus.Labels{"service": server},
	}, func() float64 { return down(server).Seconds() })
}
