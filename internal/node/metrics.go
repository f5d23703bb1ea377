package node

import "github.com/prometheus/client_golang/prometheus"

// told is a prometheus.Collector that tells figures as they are when it is asked. It
// describes none: they come and go with partitions, groups and files.
type told func(telling)

// Describe implements prometheus.Collector.
func (told) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (f told) Collect(out chan<- prometheus.Metric) { f(out) }

// telling takes figures. Labels are names and values, in turn.
type telling chan<- prometheus.Metric

func (t telling) gauge(name, help string, v float64, labels ...string) {
	t.tell(prometheus.GaugeValue, name, help, v, labels)
}

func (t telling) counter(name, help string, v float64, labels ...string) {
	t.tell(prometheus.CounterValue, name, help, v, labels)
}

func (t telling) tell(kind prometheus.ValueType, name, help string, v float64, labels []string) {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	desc := prometheus.NewDesc(name, help, names, nil)
	m, err := prometheus.NewConstMetric(desc, kind, v, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	t <- m
}
