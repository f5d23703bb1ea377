package node

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

// openTimers returns the queue of the partitions that are folded here, nil if none are.
func (n *node) openTimers() *timers.Queue {
	if slices.Contains(n.Groups, GroupUnread) {
		n.timers = timers.New(timers.Config{Journal: n.journal, Rate: n.TimerRate, Wakes: n.BroadcastWakes, Skew: n.journal.Skew, Logger: n.Log})
	}
	return n.timers
}

// timerMetrics are what a queue of timers holds and has done.
type timerMetrics struct {
	stats func() timers.Stats
	tells func() timers.TellStats
	// policy is what is told by, nil for nothing.
	policy func() *reach.Policy
}

// Describe implements prometheus.Collector.
func (m timerMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m timerMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.stats()
	tell := func(kind prometheus.ValueType, name, help string, v float64) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, v)
	}
	tell(prometheus.GaugeValue, "belfry_timers_pending", "Times that rows of this process's partitions name, which have not come or wait for their turn.", float64(s.Pending))
	tell(prometheus.CounterValue, "belfry_timers_fired_total", "Timers whose time has come and for which a touch was appended to the journal.", float64(s.Fired))
	tell(prometheus.CounterValue, "belfry_timers_again_total", "Touches appended again, since the one before had not settled the row.", float64(s.Again))
	tell(prometheus.CounterValue, "belfry_timers_failed_total", "Touches that could not be appended, and are tried again.", float64(s.Failed))
	tell(prometheus.GaugeValue, "belfry_timers_late_seconds", "For how long the oldest timer is overdue; what users see is at its time all the same.", s.Late.Seconds())
	m.collectTells(ch, tell)
}

func (m timerMetrics) collectTells(ch chan<- prometheus.Metric, tell func(kind prometheus.ValueType, name, help string, v float64)) {
	s := m.tells()
	labelled := func(kind prometheus.ValueType, name, help, label, value string, v float64) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{label}, nil), kind, v, value)
	}
	m.collectPending(ch, s.Pending)
	for channel, n := range s.Appended {
		labelled(prometheus.CounterValue, "belfry_outbound_tells_total", "Tells appended to journals as their time came, by channel; the fold decides what comes of each.", "channel", channel, float64(n))
	}
	tell(prometheus.CounterValue, "belfry_outbound_tells_again_total", "Tells appended again, since nothing came of the one before.", float64(s.Again))
	tell(prometheus.CounterValue, "belfry_outbound_tells_failed_total", "Tells that could not be appended, and are tried again.", float64(s.Failed))
	tell(prometheus.GaugeValue, "belfry_outbound_late_seconds", "For how long the oldest tell is overdue: it waits for its turn, or nothing has come of it.", s.Late.Seconds())
}

// collectPending tells of all that users of channels may wait for, and of those whose
// channel is not known, since a former release has looked them up.
func (m timerMetrics) collectPending(ch chan<- prometheus.Metric, pending map[timers.Wait]int) {
	desc := prometheus.NewDesc("belfry_outbound_pending", "Users of this process's partitions who are to be told of something outside of the inbox, by the channel that comes first, and by what that waits for: delay, digest, quiet, daily cap or returned.", []string{"channel", "hold"}, nil)
	names := []string{""}
	if policy := m.policy(); policy != nil {
		for i := range policy.Channels {
			names = append(names, policy.Channels[i].Name)
		}
	}
	for i, name := range names {
		for hold := timers.HoldOf("delay"); hold.String() != ""; hold++ {
			if n := pending[timers.Wait{Hold: hold, Channel: uint8(i)}]; i > 0 || n > 0 {
				ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), name, hold.String())
			}
		}
	}
}

// clockMetrics tell how this process's clock and the brokers' differ.
type clockMetrics struct {
	skew func() (time.Duration, time.Time)
}

// Describe implements prometheus.Collector.
func (m clockMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- clockSkew() }

// Collect implements prometheus.Collector.
func (m clockMetrics) Collect(ch chan<- prometheus.Metric) {
	if ahead, at := m.skew(); !at.IsZero() {
		ch <- prometheus.MustNewConstMetric(clockSkew(), prometheus.GaugeValue, ahead.Seconds())
	}
}

func clockSkew() *prometheus.Desc {
	return prometheus.NewDesc("belfry_clock_skew_seconds", "By how much at least this process's clock is ahead of a broker's, below 0 behind it, as of the last record that it appended to the journal; none before the first.", nil, nil)
}
