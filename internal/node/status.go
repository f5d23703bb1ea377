package node

import (
	"fmt"
	"slices"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/wire"
)

// maxViewLag is how many records a view may be behind for its server to count
// as ready.
const maxViewLag = 10_000

// conditions are what /readyz depends on: processors that run, and views that
// recovered once and are not far behind, and keys to check tokens with.
func (n *node) conditions() []server.Condition {
	var out []server.Condition
	for _, p := range n.processors {
		s := p.Status()
		// A refused partition needs an operator, the rest goes on: another instance
		// could do no better.
		out = append(out, newCondition(s, s.Phase == engine.Running, processorDetail(s)))
	}
	out = append(out, n.sourceConditions()...)
	if n.responder != nil {
		out = append(out, n.responder.condition())
	}
	for _, v := range n.views() {
		s, lag := v.Status(), v.Lag()
		c := newCondition(s, v.Recovered() && lag <= maxViewLag, fmt.Sprintf("%s, %d records behind", s.Phase, lag))
		if !c.Ready && v.Recovered() {
			c.State = server.StateRecovering // catches up
		}
		out = append(out, c)
	}
	if n.Keys != nil {
		ready, detail := n.Keys.Ready()
		out = append(out, server.Condition{Name: "token keys", Ready: ready, Detail: detail})
	}
	// A server tells of itself.
	if n.API == nil && n.draining.Load() {
		out = append(out, server.Condition{Name: "processors", State: server.StateDraining, Detail: "are shutting down"})
	}
	return out
}

func newCondition(s engine.Status, ready bool, detail string) server.Condition {
	state, progress := readyState(s, ready)
	return server.Condition{Name: s.Name, Ready: ready, State: state, Detail: detail, Progress: progress}
}

// readyState translates what the engine says.
func readyState(s engine.Status, ready bool) (server.State, *wire.Progress) {
	switch {
	case ready:
		return server.StateReady, nil
	case s.Phase == engine.Recovering && s.Recovery != nil:
		r := s.Recovery
		return server.StateRecovering, wire.NewProgress(r.Done, r.Total, r.Percent(), r.Left)
	case s.Phase == engine.Failed:
		return server.StateFailed, nil
	case s.Phase == engine.Stopped:
		return server.StateDraining, nil
	default:
		return server.StateStarting, nil
	}
}

func (n *node) isReady() bool {
	return !slices.ContainsFunc(n.conditions(), func(c server.Condition) bool { return !c.Ready })
}

func (n *node) views() []*table.View {
	if n.unread == nil {
		return nil
	}
	return []*table.View{n.unread.View, n.inbox.View}
}

// registerMetrics adds what processors and views tell of themselves. It must
// come after all of them are made.
func (n *node) registerMetrics() {
	if n.Keys != nil {
		n.registry.MustRegister(n.Keys.Metrics()...)
	}
	n.registry.MustRegister(told(n.tellProcessors), told(newStateMetrics(n.Kafka.StateDir).tell), told(n.tellUpkeep), told(n.tellViews))
	if n.timers != nil {
		n.registry.MustRegister(told(timerMetrics{n.timers.Stats, n.timers.TellStats, n.policyNow}.tell))
	}
}

// tellUpkeep tells of what this process repairs, sweeps and recounts, and of its clock.
func (n *node) tellUpkeep(t telling) {
	if n.repairs != nil {
		t.counter("belfry_repaired_rows_total", "Rows that a paused owner had put back and that were written again.", float64(n.repairs.Repaired()))
		t.gauge("belfry_repairs_waiting", "Rows that a paused owner has put back and that wait to be written again.", float64(n.repairs.Waiting()))
	}
	if n.sweep != nil {
		t.counter("belfry_swept_items_total", "Contents removed that a crash had left behind.", float64(n.sweep.Swept()))
	}
	if n.audit != nil {
		tellAudit(t, n.audit.Stats())
	}
	if n.journal == nil {
		return
	}
	if ahead, at := n.journal.Skew(); !at.IsZero() {
		t.gauge("belfry_clock_skew_seconds", "By how much at least this process's clock is ahead of a broker's, below 0 behind it, as of the last record that it appended to the journal; none before the first.", ahead.Seconds())
	}
}

func (n *node) tellViews(t telling) {
	for _, v := range n.views() {
		s := v.Status()
		t.gauge("belfry_view_recovered", "1 once the view has held the whole table.", asNumber(v.Recovered()), "view", s.Name)
		t.gauge("belfry_view_lag_records", "Records of the table that the view has not applied yet.", float64(v.Lag()), "view", s.Name)
		t.gauge("belfry_view_refused_records", "Values that would have taken a row back to a lower version.", float64(v.Refused()), "view", s.Name)
		t.gauge("belfry_view_restarts", "How often the view failed and was built anew.", float64(s.Restarts), "view", s.Name)
	}
}
