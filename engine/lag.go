package engine

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
)

// DefaultLagInterval is the time between two collections of lag.
const DefaultLagInterval = 10 * time.Second

// Lag collects how far behind consumer groups are, from what the brokers say,
// so that a group none of whose members runs shows too. Set its fields before
// Run.
type Lag struct {
	// Inputs names the topics that a group reads. A group that is missing here
	// shows the topics it has committed offsets of or has members for: one that
	// never ran shows none, however much waits for it.
	Inputs map[string][]string

	cfg      Config
	groups   []string
	interval time.Duration
	log      *slog.Logger
	report   atomic.Pointer[belfry.LagReport]
	clocks   map[string]*topicClocks // by topic; Run's alone
}

// topicClocks are the clocks of one incarnation of a topic.
type topicClocks struct {
	id         TopicID
	partitions map[int32]*belfry.LagClock
}

// NewLag returns a Lag that reports nothing until Run. Interval 0 means
// DefaultLagInterval.
func NewLag(cfg Config, groups []string, interval time.Duration) *Lag {
	if interval <= 0 {
		interval = DefaultLagInterval
	}
	l := &Lag{
		cfg: cfg, groups: groups, interval: interval,
		log: cfg.logger().With("component", "lag"), clocks: map[string]*topicClocks{},
	}
	l.report.Store(&belfry.LagReport{Groups: []belfry.GroupLag{}})
	return l
}

// Report returns what was collected last. It never waits on Kafka; the caller
// may not modify what it points to. Before the first collection it is not Up
// and empty.
func (l *Lag) Report() belfry.LagReport { return *l.report.Load() }

// Run collects at once and then at each interval until ctx ends. Brokers that
// cannot be reached or refuse make reports that are not Up; Run goes on. It may
// be called once, returns nil, and may take some seconds to do so while a
// request is under way.
func (l *Lag) Run(ctx context.Context) error {
	reader := &lagReader{cfg: l.cfg}
	defer reader.close()
	tick := time.NewTicker(l.interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		l.collect(ctx, reader)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *Lag) collect(ctx context.Context, reader *lagReader) {
	found, err := reader.read(ctx, l.groups, l.Inputs)
	if err != nil && ctx.Err() == nil {
		// A connection or a leader of old: what is found anew may well work.
		reader.close()
		found, err = reader.read(ctx, l.groups, l.Inputs)
	}
	last := l.Report()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		reader.close()
		// Once for each error: the metrics say how long it lasts.
		if last.Error != err.Error() {
			l.log.Warn("lag not collected", "err", err)
		}
		failed := last.Failed(err)
		l.report.Store(&failed)
		return
	case last.Error != "":
		l.log.Info("lag collected again")
	}
	report := l.assemble(found, time.Now())
	l.report.Store(&report)
}

// assemble joins what the brokers said. At must be after the offsets were read.
func (l *Lag) assemble(found *lagFacts, at time.Time) belfry.LagReport {
	l.observe(found.topics, at)
	groups := make([]belfry.GroupLag, 0, len(found.groups))
	for name, g := range found.groups {
		out := belfry.GroupLag{Name: name, State: g.state, Members: g.members}
		for _, topic := range g.topics {
			for partition, o := range found.topics[topic].offsets {
				p := belfry.PartitionLag{Topic: topic, Partition: partition, EndOffset: o.end, OldestOffset: o.oldest}
				if committed, ok := g.committed[topic][partition]; ok {
					p.CurrentOffset = &committed
				}
				var next int64
				next, p.Lag = belfry.OffsetLag(p.CurrentOffset, o.oldest, o.end)
				p.LagSeconds = l.clocks[topic].partitions[partition].Age(name, next, at).Seconds()
				out.Partitions = append(out.Partitions, p)
			}
		}
		groups = append(groups, out)
	}
	return belfry.NewLagReport(at, groups)
}

// observe tells the clocks how far the topics reach. The clocks of topics that
// are gone, or are others of the same name, go.
func (l *Lag) observe(topics map[string]topicFacts, at time.Time) {
	for name := range l.clocks {
		if _, ok := topics[name]; !ok {
			delete(l.clocks, name)
		}
	}
	for name, topic := range topics {
		c := l.clocks[name]
		if c == nil || c.id != topic.id {
			c = &topicClocks{topic.id, map[int32]*belfry.LagClock{}}
			l.clocks[name] = c
		}
		for partition, o := range topic.offsets {
			if c.partitions[partition] == nil {
				c.partitions[partition] = &belfry.LagClock{}
			}
			c.partitions[partition].Observe(at, o.end)
		}
	}
}
