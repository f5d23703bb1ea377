package node

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/server"
)

// openRouters makes the routers of the rules, if there are any; nothing runs yet.
func (n *node) openRouters(deps processors.Deps) {
	if n.Rules == nil {
		return
	}
	n.routers = processors.NewRouters(n.Kafka, deps, 0)
	n.watch = newRulesWatch(*n.Rules, n.routers.Set, n.Log)
	n.registry.MustRegister(told(n.watch.tell))
}

// groupInputs names the topics of every group: ours, that of senders where one runs here
// or a channel is for them, that of requests where they are answered here, and those of
// the sources at this time.
func (n *node) groupInputs() map[string][]string {
	inputs := n.Prefix.GroupInputs()
	if n.Requests != nil {
		inputs[n.Prefix.RequestsGroup()] = []string{n.Requests.Topic}
	}
	if n.routers != nil {
		maps.Copy(inputs, n.routers.Inputs())
	}
	p := n.policyNow()
	for kind, group := range n.senderGroups() {
		if n.sends(kind) || p != nil && slices.ContainsFunc(p.Channels, func(c reach.Channel) bool { return c.Kind == kind }) {
			inputs[group] = []string{n.Prefix.Outbound()}
		}
	}
	return inputs
}

// allProcessors are those that run at this time.
func (n *node) allProcessors() []*engine.Processor {
	all := n.processors
	if n.responder != nil {
		all = append(slices.Clone(all), n.responder.processor)
	}
	if n.routers == nil {
		return all
	}
	return slices.Concat(all, n.routers.Processors())
}

// statuses are those of all processors at this time.
func (n *node) statuses() []engine.Status {
	var out []engine.Status
	for _, p := range n.processors {
		out = append(out, p.Status())
	}
	if n.responder != nil {
		out = append(out, n.responder.processor.Status())
	}
	if n.routers != nil {
		out = append(out, n.routers.Status()...)
	}
	return out
}

// sourceConditions tell of the routers of the rules. Once all have run, failed
// or found their topic missing, none makes the process unready: topics are
// others' to create, delete and protect, and another instance could do no better.
func (n *node) sourceConditions() []server.Condition {
	if n.routers == nil {
		return nil
	}
	settled := n.routers.Settled()
	out := []server.Condition{{Name: "sources", Ready: settled, Detail: "topics were looked up"}}
	if !settled {
		out[0].Detail = "waiting for routers to start"
	}
	for _, s := range n.routers.Status() {
		out = append(out, server.Condition{Name: s.Name, Ready: true, Detail: processorDetail(s)})
	}
	return out
}

// processorDetail says what a processor is doing.
func processorDetail(s engine.Status) string {
	detail := string(s.Phase)
	if s.Phase == engine.Waiting {
		detail += " for its topic, which does not exist"
	}
	if s.Phase == engine.Failed && s.Err != nil {
		detail += ": " + s.Err.Error()
	}
	for _, r := range s.Refused {
		detail += ", refuses " + r.String()
	}
	for _, l := range s.Lacks {
		detail += ", " + l.String()
	}
	for _, h := range s.HeldUp {
		detail += ", " + h.String()
	}
	return detail
}

// tellProcessors tells of the processors of this time.
func (n *node) tellProcessors(t telling) {
	for _, s := range n.statuses() {
		for _, skipped := range s.Skips {
			partition := strconv.Itoa(int(skipped.Partition))
			t.counter("belfry_skipped_records_total", "Records that a partition's log had lost, by its retention or by hand, before the processor came to them.",
				float64(skipped.Deleted), "processor", s.Name, "topic", skipped.Topic, "partition", partition)
			t.counter("belfry_foreign_commits_total", "Sessions that began at an offset which another program had committed for the group: what lies before it and was not processed is skipped, and nobody can say how much.",
				float64(skipped.ForeignCommits), "processor", s.Name, "topic", skipped.Topic, "partition", partition)
		}
		if s.Phase == engine.Waiting {
			continue
		}
		waiting := 0
		for _, h := range s.HeldUp {
			if h.Cause != "" {
				waiting++
			}
			t.gauge("belfry_processor_held_up_seconds", "For how long a partition's record at hand has waited, or been at work for more than a second; none for partitions that go on. /readyz names the offset.",
				time.Since(h.Since).Seconds(), "processor", s.Name, "topic", h.Topic, "partition", strconv.Itoa(int(h.Partition)))
		}
		t.gauge("belfry_processor_running", "1 while the processor has its partitions and processes; none if its topic does not exist.", asNumber(s.Phase == engine.Running), "processor", s.Name)
		t.gauge("belfry_processor_restarts", "How often the processor failed and was built anew.", float64(s.Restarts), "processor", s.Name)
		t.gauge("belfry_processor_refused_partitions", "Partitions that the processor has and does not read, since their log is not the one that was processed.", float64(len(s.Refused)), "processor", s.Name)
		t.gauge("belfry_processor_uneven_partitions", "Partitions that are processed, and whose rows of one journal count from different bases: nothing can be announced to everybody in them.", float64(len(s.Lacks)), "processor", s.Name)
		t.gauge("belfry_processor_waiting_partitions", "Partitions whose next record waits for something that is not available, such as a schema registry.", float64(waiting), "processor", s.Name)
	}
	for _, p := range n.allProcessors() {
		count, paused := p.RebalanceTotals()
		t.counter("belfry_rebalances_total", "How often this process was given its partitions of the group, the first time included.", float64(count), "group", p.Group())
		t.counter("belfry_rebalance_pause_seconds_total", "For how long this process stood still in the group's rebalances.", paused.Seconds(), "group", p.Group())
	}
}

func asNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
