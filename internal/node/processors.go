package node

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	n.registry.MustRegister(n.watch)
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

// processorStates is a prometheus.Collector: processors come and go.
type processorStates struct {
	statuses                                                             func() []engine.Status
	running, restarts, refused, lacking, waiting, held, deleted, foreign *prometheus.Desc
}

func newProcessorStates(statuses func() []engine.Status) *processorStates {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"processor"}, labels...), nil)
	}
	return &processorStates{
		statuses: statuses,
		running:  desc("belfry_processor_running", "1 while the processor has its partitions and processes; none if its topic does not exist."),
		restarts: desc("belfry_processor_restarts", "How often the processor failed and was built anew."),
		refused:  desc("belfry_processor_refused_partitions", "Partitions that the processor has and does not read, since their log is not the one that was processed."),
		lacking:  desc("belfry_processor_uneven_partitions", "Partitions that are processed, and whose rows of one journal count from different bases: nothing can be announced to everybody in them."),
		waiting:  desc("belfry_processor_waiting_partitions", "Partitions whose next record waits for something that is not available, such as a schema registry."),
		held:     desc("belfry_processor_held_up_seconds", "For how long a partition's record at hand has waited, or been at work for more than a second; none for partitions that go on. /readyz names the offset.", "topic", "partition"),
		deleted:  desc("belfry_skipped_records_total", "Records that a partition's log had lost, by its retention or by hand, before the processor came to them.", "topic", "partition"),
		foreign:  desc("belfry_foreign_commits_total", "Sessions that began at an offset which another program had committed for the group: what lies before it and was not processed is skipped, and nobody can say how much.", "topic", "partition"),
	}
}

// Describe implements prometheus.Collector.
func (p *processorStates) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.running, p.restarts, p.refused, p.lacking, p.waiting, p.held, p.deleted, p.foreign} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p *processorStates) Collect(out chan<- prometheus.Metric) {
	for _, s := range p.statuses() {
		for _, skipped := range s.Skips {
			partition := strconv.Itoa(int(skipped.Partition))
			out <- prometheus.MustNewConstMetric(p.deleted, prometheus.CounterValue, float64(skipped.Deleted), s.Name, skipped.Topic, partition)
			out <- prometheus.MustNewConstMetric(p.foreign, prometheus.CounterValue, float64(skipped.ForeignCommits), s.Name, skipped.Topic, partition)
		}
		if s.Phase == engine.Waiting {
			continue
		}
		waiting := 0
		for _, h := range s.HeldUp {
			if h.Cause != "" {
				waiting++
			}
			out <- prometheus.MustNewConstMetric(p.held, prometheus.GaugeValue, time.Since(h.Since).Seconds(), s.Name, h.Topic, strconv.Itoa(int(h.Partition)))
		}
		for desc, value := range map[*prometheus.Desc]float64{
			p.running:  asNumber(s.Phase == engine.Running),
			p.restarts: float64(s.Restarts),
			p.refused:  float64(len(s.Refused)),
			p.lacking:  float64(len(s.Lacks)),
			p.waiting:  float64(waiting),
		} {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
	}
}

func asNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
