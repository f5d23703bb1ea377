package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/engine"
)

// rebalanceMetrics is a prometheus.Collector: processors come and go.
type rebalanceMetrics struct {
	processors    func() []*engine.Processor
	count, paused *prometheus.Desc
}

func newRebalanceMetrics(processors func() []*engine.Processor) *rebalanceMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"group"}, nil)
	}
	return &rebalanceMetrics{
		processors: processors,
		count:      desc("belfry_rebalances_total", "How often this process was given its partitions of the group, the first time included."),
		paused:     desc("belfry_rebalance_pause_seconds_total", "For how long this process stood still in the group's rebalances."),
	}
}

// Describe implements prometheus.Collector.
func (m *rebalanceMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.count
	out <- m.paused
}

// Collect implements prometheus.Collector.
func (m *rebalanceMetrics) Collect(out chan<- prometheus.Metric) {
	for _, p := range m.processors() {
		count, paused := p.RebalanceTotals()
		out <- prometheus.MustNewConstMetric(m.count, prometheus.CounterValue, float64(count), p.Group())
		out <- prometheus.MustNewConstMetric(m.paused, prometheus.CounterValue, paused.Seconds(), p.Group())
	}
}
