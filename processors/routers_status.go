package processors

import (
	"fmt"
	"maps"
	"slices"

	"github.com/belfry/belfry/engine"
)

// Status tells of every router, by topic; one of a named topic that does not
// exist yet is [engine.Waiting].
func (r *Routers) Status() []engine.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []engine.Status
	for _, topic := range r.topics() {
		if one := r.routed[topic]; one != nil {
			out = append(out, one.processor.Status())
			continue
		}
		phase := engine.Starting
		if r.looked {
			phase = engine.Waiting
		}
		out = append(out, engine.Status{Name: "processor " + r.deps.Prefix.RouterGroup(topic), Phase: phase})
	}
	if r.over > 0 {
		out = append(out, engine.Status{
			Name: "source topics", Phase: engine.Failed,
			Err: fmt.Errorf("%d more topics match than the %d that a process routes", r.over, MaxTopics),
		})
	}
	return out
}

// Processors returns those that run, by topic.
func (r *Routers) Processors() []*engine.Processor {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*engine.Processor
	for _, topic := range slices.Sorted(maps.Keys(r.routed)) {
		out = append(out, r.routed[topic].processor)
	}
	return out
}

// Settled reports whether every router has run, failed or found its topic
// missing since Run began. Later events do not change it: a topic that
// somebody creates is no reason to call the process unready.
func (r *Routers) Settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled || !r.looked {
		return r.settled
	}
	for _, one := range r.routed {
		switch one.processor.Status().Phase {
		case engine.Starting, engine.Recovering:
			return false
		}
	}
	r.settled = true
	return true
}

// Inputs names the topic that each router's group reads, also of topics that do
// not exist yet.
func (r *Routers) Inputs() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]string{}
	for _, topic := range r.topics() {
		out[r.deps.Prefix.RouterGroup(topic)] = []string{topic}
	}
	return out
}

// topics returns those that are routed or named, in order. The lock is held.
func (r *Routers) topics() []string {
	names := map[string]bool{}
	for topic := range r.routed {
		names[topic] = true
	}
	for _, s := range r.all {
		if s.Topic != "" {
			names[s.Topic] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
