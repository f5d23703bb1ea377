package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/belfry/belfry"
)

// LagMetrics serves consumer lag to Prometheus, under the names and labels of
// kafka_exporter and, for time, of kafka-lag-exporter, which dashboards, alert
// rules and autoscalers know. A scrape calls report, which must not wait, and
// shows what it returns: what a group, a topic or a partition that is gone had
// is gone too.
//
// It differs from kafka_exporter where that misleads: a group without members
// is shown; no figure is negative or -1; a partition in which the group has
// committed nothing counts in the lag from its oldest record, and has no
// current offset.
func LagMetrics(report func() belfry.LagReport) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&lagCollector{report: report, descs: newLagDescs()})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// lagDescs are the metrics, named for what they tell.
type lagDescs struct {
	lag, current, lagSum, currentSum, members *prometheus.Desc // of a consumer group
	partitions, end, oldest                   *prometheus.Desc // of a topic
	seconds, maxSeconds                       *prometheus.Desc // of a group, with other labels
	up, success                               *prometheus.Desc // of the collection
}

func newLagDescs() lagDescs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return lagDescs{
		lag: desc("kafka_consumergroup_lag",
			"Records of the partition that the group has not processed.", "consumergroup", "topic", "partition"),
		current: desc("kafka_consumergroup_current_offset",
			"Offset that the group has committed, absent if none.", "consumergroup", "topic", "partition"),
		lagSum: desc("kafka_consumergroup_lag_sum",
			"Records of the topic that the group has not processed.", "consumergroup", "topic"),
		currentSum: desc("kafka_consumergroup_current_offset_sum",
			"Sum of the offsets that the group has committed in the topic.", "consumergroup", "topic"),
		members: desc("kafka_consumergroup_members",
			"Running members of the group.", "consumergroup"),
		partitions: desc("kafka_topic_partitions",
			"Partitions of the topic.", "topic"),
		end: desc("kafka_topic_partition_current_offset",
			"Offset of the next record to be written to the partition.", "topic", "partition"),
		oldest: desc("kafka_topic_partition_oldest_offset",
			"Offset of the oldest record of the partition.", "topic", "partition"),
		seconds: desc("kafka_consumergroup_group_lag_seconds",
			"Age of the oldest record of the partition that the group has not processed, 0 without one.", "group", "topic", "partition"),
		maxSeconds: desc("kafka_consumergroup_group_max_lag_seconds",
			"Age of the oldest record that the group has not processed, 0 without one.", "group"),
		up: desc("belfry_lag_up",
			"1 if lag was collected at the last attempt; 0 if what is shown is what was found before."),
		success: desc("belfry_lag_last_success_timestamp_seconds",
			"When lag was collected last, 0 if never."),
	}
}

type lagCollector struct {
	report func() belfry.LagReport
	descs  lagDescs
}

// Describe implements prometheus.Collector.
func (c *lagCollector) Describe(ch chan<- *prometheus.Desc) {
	d := c.descs
	for _, desc := range []*prometheus.Desc{
		d.lag, d.current, d.lagSum, d.currentSum, d.members,
		d.partitions, d.end, d.oldest, d.seconds, d.maxSeconds, d.up, d.success,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *lagCollector) Collect(ch chan<- prometheus.Metric) {
	r := c.report()
	out := gauges{ch}
	up, success := 0.0, 0.0
	if r.Up {
		up = 1
	}
	if !r.CollectedAt.IsZero() {
		success = float64(r.CollectedAt.UnixMilli()) / 1000
	}
	out.set(c.descs.up, up)
	out.set(c.descs.success, success)
	for _, g := range r.Groups {
		c.group(out, g)
	}
	c.topics(out, r.Groups)
}

func (c *lagCollector) group(out gauges, g belfry.GroupLag) {
	type sums struct{ lag, current int64 }
	topics := map[string]sums{}
	for _, p := range g.Partitions {
		partition := partitionLabel(p.Partition)
		sum := topics[p.Topic]
		sum.lag += p.Lag
		out.set(c.descs.lag, float64(p.Lag), g.Name, p.Topic, partition)
		out.set(c.descs.seconds, p.LagSeconds, g.Name, p.Topic, partition)
		if p.CurrentOffset != nil {
			sum.current += *p.CurrentOffset
			out.set(c.descs.current, float64(*p.CurrentOffset), g.Name, p.Topic, partition)
		}
		topics[p.Topic] = sum
	}
	for topic, sum := range topics {
		out.set(c.descs.lagSum, float64(sum.lag), g.Name, topic)
		out.set(c.descs.currentSum, float64(sum.current), g.Name, topic)
	}
	out.set(c.descs.members, float64(len(g.Members)), g.Name)
	out.set(c.descs.maxSeconds, g.MaxLagSeconds, g.Name)
}

// topics shows each partition once, however many groups read it.
func (c *lagCollector) topics(out gauges, groups []belfry.GroupLag) {
	type key struct {
		topic     string
		partition int32
	}
	seen := map[key]bool{}
	partitions := map[string]int{}
	for _, g := range groups {
		for _, p := range g.Partitions {
			k := key{p.Topic, p.Partition}
			if seen[k] {
				continue
			}
			seen[k] = true
			partitions[p.Topic]++
			out.set(c.descs.end, float64(p.EndOffset), p.Topic, partitionLabel(p.Partition))
			out.set(c.descs.oldest, float64(p.OldestOffset), p.Topic, partitionLabel(p.Partition))
		}
	}
	for topic, n := range partitions {
		out.set(c.descs.partitions, float64(n), topic)
	}
}

// gauges sends the metrics of one scrape.
type gauges struct{ ch chan<- prometheus.Metric }

func (g gauges) set(desc *prometheus.Desc, value float64, labels ...string) {
	m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	if err != nil { // a name that is not UTF-8
		m = prometheus.NewInvalidMetric(desc, err)
	}
	g.ch <- m
}

func partitionLabel(partition int32) string { return strconv.Itoa(int(partition)) }
