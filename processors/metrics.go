package processors

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/notices"
)

// Metrics are those of all groups of one process.
type Metrics struct {
	records     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	delay       *prometheus.HistogramVec
	written     *prometheus.HistogramVec
	refused     prometheus.Counter
	matches     *prometheus.CounterVec
	omitted     *prometheus.CounterVec
	expired     *prometheus.CounterVec
	repeated    *prometheus.CounterVec
	missing     *prometheus.GaugeVec
	atOnce      *prometheus.CounterVec
	refusals    *prometheus.CounterVec

	dispatched, repeatedTells, dropped *prometheus.CounterVec // by channel

	notices notices.Notices
}

// Histograms of delays have native buckets beside the classic ones, for who asks
// for those (protobuf).
const (
	nativeFactor  = 1.1
	nativeBuckets = 100
)

func delayBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600}
}

// NewMetrics registers the metrics with reg, once for each process.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	delays := func(name, help string) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help,
			Buckets: delayBuckets(), NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"group"})
	}
	return &Metrics{
		records:     counter("belfry_records_total", "Records processed, by consumer group and result.", "group", "result"),
		deadLetters: counter("belfry_dead_letters_total", "Records set aside, by consumer group and reason.", "group", "reason"),
		delay:       delays("belfry_record_delay_seconds", "Time from a record's timestamp to its processing, by consumer group."),
		written:     delays("belfry_record_to_table_seconds", "Time from a record's timestamp to the acknowledgement of all that it led to, rows in tables among them, by consumer group."),
		matches:     counter("belfry_rule_matches_total", "Events that a rule has matched and found recipients for.", "rule"),
		omitted:     counter("belfry_omitted_fields_total", "Optional fields that a notification lacks because they could not be read, by consumer group, rule (empty for the built-in source), field and cause: null, missing, empty or unreadable.", "group", "rule", "field", "cause"),
		expired:     counter("belfry_expired_on_arrival_total", "Notifications that had expired before they were routed, which nobody sees, by consumer group and rule (empty for the built-in source).", "group", "rule"),
		repeated:    counter("belfry_repeated_ids_total", "Notifications dropped because their recipient had one of that id from another record, by rule (empty for HTTP and the built-in source) and content: other or same, as the row or the journal shows, or unknown, where more came than are compared or the journal does not have the one before any more.", "rule", "content"),
		missing: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "belfry_source_topic_missing", Help: "1 for each topic that a source of the rules names and that does not exist.",
		}, []string{"topic"}),
		atOnce:        counter("belfry_delivered_at_once_total", "Notifications with a deliver_at that were shown at once, by cause: past, or full where the user had as many hidden items as there may be.", "cause"),
		refusals:      counter("belfry_full_commands_total", "Commands that changed nothing since their user had as many as there may be, by kind: snooze, mute or subscribe.", "kind"),
		dispatched:    counter("belfry_outbound_dispatched_total", "Decisions to tell a user of something, each a record for whoever sends on that channel.", "channel"),
		repeatedTells: counter("belfry_outbound_repeated_total", "Decisions that were written again for their senders, since it was not known whether they had been: after a crash, most of all.", "channel"),
		dropped:       counter("belfry_outbound_dropped_total", "Tells that came to nothing when their turn came: what they were about was seen, or preferences, endpoints or the channel had changed.", "channel"),
		refused: f.NewCounter(prometheus.CounterOpts{
			Name: "belfry_refused_rows_total", Help: "Rows of a lower version than the store had, met while it was recovered.",
		}),
	}
}

// processed counts the records of one group, most of which have the same result:
// to look a series up takes longer than to count. It is safe for concurrent use.
type processed struct {
	metrics *Metrics
	group   string
	delay   prometheus.Observer
	results sync.Map // of prometheus.Counter, by result
}

func (m *Metrics) processedBy(group string) *processed {
	return &processed{metrics: m, group: group, delay: m.delay.WithLabelValues(group)}
}

func (p *processed) one(result string, at time.Time) {
	counter, ok := p.results.Load(result)
	if !ok {
		counter, _ = p.results.LoadOrStore(result, p.metrics.records.WithLabelValues(p.group, result))
	}
	counter.(prometheus.Counter).Inc()
	p.delay.Observe(max(time.Since(at).Seconds(), 0))
}

// Processed returns a function to call with each record of a group that is not of this
// package: its result, and its timestamp.
func (m *Metrics) Processed(group string) func(result string, at time.Time) {
	return m.processedBy(group).one
}

// Dead counts a record that such a group has set aside.
func (m *Metrics) Dead(group string, reason deadletter.Reason) {
	m.records.WithLabelValues(group, "dead-letter").Inc()
	m.dead(group, reason)
}

func (m *Metrics) matched(rule string) { m.matches.WithLabelValues(rule).Inc() }

// writtenBy returns a function to call with the time of each record of a group once
// all that it led to is acknowledged.
func (m *Metrics) writtenBy(group string) func(at time.Time) {
	delay := m.written.WithLabelValues(group)
	return func(at time.Time) { delay.Observe(max(time.Since(at), 0).Seconds()) }
}

func (m *Metrics) dead(group string, reason deadletter.Reason) {
	m.deadLetters.WithLabelValues(group, string(reason)).Inc()
}
