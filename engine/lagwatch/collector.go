package lagwatch

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/lag"
)

// DefaultInterval is the time between two collections of lag.
const DefaultInterval = 10 * time.Second

// Config says whose lag to collect. Its functions are called from Run, one
// at a time, at each collection.
type Config struct {
	// Groups returns the groups to show now, whether they run or not, and the
	// topics that each reads; no topics means those it has committed offsets of
	// or has members for. These are ours: their time lag is that of the record's
	// own timestamp. It may be nil.
	Groups func() map[string][]string
	// Others, if not nil, reports whether to show a group that the brokers
	// know, besides those. Such a group goes when the brokers forget it.
	Others func(group string) bool
	// Interval between two collections; 0 means DefaultInterval.
	Interval time.Duration
	// Collected, if not nil, is called with each report, also of a failed
	// collection. It must not modify it.
	Collected func(lag.Report)
}

// Lag collects how far behind consumer groups are, from what the brokers say,
// so that a group none of whose members runs shows too. A collection makes a
// few requests a broker, whatever the number of groups, and a bounded number to
// look at single records.
type Collector struct {
	cfg    kafka.Config
	what   Config
	log    *slog.Logger
	report atomic.Pointer[lag.Report]

	// The rest is Run's alone.
	topics map[string]*topicClocks
	places map[string]map[string]*place // by group and topic
	pace   map[string]*lag.CatchUp      // by group
	held   map[string]map[int32]held    // by topic and partition, those with an open transaction
}

// topicClocks are the clocks of one incarnation of a topic, by partition.
type topicClocks struct {
	id         kafka.TopicID
	partitions []lag.Clock
}

// NewLag returns a Lag that reports nothing until Run.
func New(cfg kafka.Config, what Config) *Collector {
	if what.Interval <= 0 {
		what.Interval = DefaultInterval
	}
	if what.Groups == nil {
		what.Groups = func() map[string][]string { return nil }
	}
	l := &Collector{
		cfg: cfg, what: what, log: cfg.Log().With("component", "lag"),
		topics: map[string]*topicClocks{}, places: map[string]map[string]*place{}, pace: map[string]*lag.CatchUp{},
		held: map[string]map[int32]held{},
	}
	l.report.Store(&lag.Report{Groups: []lag.Group{}})
	return l
}

// Report returns what was collected last. It never waits on Kafka; the caller
// may not modify what it points to. Before the first collection it is not Up
// and empty.
func (l *Collector) Report() lag.Report { return *l.report.Load() }

// Run collects at once and then at each interval until ctx ends. Brokers that
// cannot be reached or refuse make reports that are not Up; Run goes on. It may
// be called once and returns nil.
func (l *Collector) Run(ctx context.Context) error {
	client := &lagClient{cfg: l.cfg}
	defer client.close()
	tick := time.NewTicker(l.what.Interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		l.collect(ctx, client)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *Collector) collect(ctx context.Context, client *lagClient) {
	report, err := l.read(ctx, client)
	last := l.Report()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		client.close()
		// Once for each error: the metrics say how long it lasts.
		if told := kafka.Unreachable(err) && l.cfg.Outage.Away("lag", err); !told && last.Error != err.Error() {
			l.log.Warn("lag not collected", "err", err)
		}
		report = last.Failed(err)
	case last.Error != "":
		l.cfg.Outage.Back("lag")
		l.log.Info("lag collected again")
	}
	l.report.Store(&report)
	if l.what.Collected != nil {
		l.what.Collected(report)
	}
}

func (l *Collector) read(ctx context.Context, client *lagClient) (lag.Report, error) {
	began := time.Now()
	found, err := client.read(ctx, l.what.Groups(), l.what.Others)
	if err != nil && ctx.Err() == nil {
		// A leader of old, say: what is found anew may well work.
		found, err = client.read(ctx, l.what.Groups(), l.what.Others)
	}
	if err != nil {
		return lag.Report{}, err
	}
	// After the offsets were read, so that no record is younger than this.
	at := time.Now()
	l.observe(found, at)
	l.lookUp(ctx, client, found)
	l.findHeld(ctx, client, found, at)
	report := l.assemble(found, at)
	report.TookSeconds = time.Since(began).Seconds()
	report.Requests, report.Skipped = int(client.requests.Swap(0)), found.skipped
	return report, ctx.Err()
}

// assemble joins what the brokers said. At must be after the offsets were read.
func (l *Collector) assemble(found *lagFacts, at time.Time) lag.Report {
	groups := make([]lag.Group, 0, len(found.groups))
	for name, g := range found.groups {
		out := lag.Group{Name: name, State: g.state, Protocol: g.protocol, Coordinator: g.coordinator, Members: g.members}
		out.Partitions = make([]lag.Partition, 0, found.places(name))
		var done, left int64
		found.each(name, func(s *standing) {
			p := lag.Partition{
				Topic: s.topic, Partition: s.partition, CurrentOffset: s.committed,
				EndOffset: s.end, OldestOffset: s.oldest, Lag: s.lag,
			}
			if p.HeldBack = s.end - s.stable; p.HeldBack > 0 {
				p.HeldSince = l.held[s.topic][s.partition].since
			}
			record := l.record(s)
			next := s.next
			if s.lag > 0 && record.emptyUntil >= s.stable {
				next, p.Lag = s.stable, 0
			}
			age := l.topics[s.topic].partitions[s.partition].Age(&record.wait, next, at)
			if p.Lag > 0 && record.written != 0 {
				age = max(at.Sub(time.UnixMilli(record.written)), 0)
			}
			p.LagSeconds = age.Seconds()
			done, left = done+next, left+p.Lag
			out.Partitions = append(out.Partitions, p)
		})
		groups = append(groups, out)
		if l.pace[name] == nil {
			l.pace[name] = &lag.CatchUp{}
		}
		l.pace[name].Observe(at, done, left)
		catchUp(&groups[len(groups)-1], l.pace[name])
	}
	return lag.NewReport(at, groups)
}

func catchUp(g *lag.Group, pace *lag.CatchUp) {
	seconds, known := pace.Seconds()
	switch {
	case !known:
	case math.IsInf(seconds, 1):
		g.CatchUpNever = true
	default:
		g.CatchUpSeconds = &seconds
	}
}

// observe tells the clocks how far the topics reach. It forgets topics
// that are gone, or are others of the same name, and groups that are gone.
func (l *Collector) observe(found *lagFacts, at time.Time) {
	for name, topics := range l.places {
		g, ok := found.groups[name]
		if !ok {
			delete(l.places, name)
			delete(l.pace, name)
			continue
		}
		for topic := range topics {
			if !slices.Contains(g.topics, topic) || found.topics[topic] == nil {
				delete(topics, topic)
			}
		}
	}
	for name := range l.topics {
		if _, ok := found.topics[name]; !ok {
			delete(l.topics, name)
		}
	}
	for name, topic := range found.topics {
		c := l.topics[name]
		if c == nil || c.id != topic.id {
			c = &topicClocks{id: topic.id}
			l.topics[name] = c
		}
		for len(c.partitions) < len(topic.partitions) {
			c.partitions = append(c.partitions, lag.Clock{})
		}
		for i, p := range topic.partitions {
			if p.known {
				c.partitions[i].Observe(at, p.stable)
			}
		}
	}
}
