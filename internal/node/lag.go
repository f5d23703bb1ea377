package node

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/lagpage"
)

// lagInterval is the time between two collections of consumer lag.
const lagInterval = 5 * time.Second

// watchLag makes what collects lag. The groups are asked for at each
// collection, so that they may come and go.
func (n *node) watchLag() {
	n.lagPage, n.viewPaces = lagpage.New(), newViewPaces()
	n.lag = lagwatch.New(n.Kafka, lagwatch.Config{
		Groups: n.groupInputs, Others: OtherGroups(n.Prefix, n.LagGroups), Interval: lagInterval,
		Collected: func(r lag.Report) {
			n.lagPage.Show(r)
			n.viewPaces.observe(n.views(), time.Now())
		},
	})
	n.registry.MustRegister(told(n.tellLag))
}

// OtherGroups reports which groups to show besides those that every
// installation has: routers of further sources, senders and those who answer requests,
// which other processes may run, and what an operator asks for.
func OtherGroups(prefix belfry.Prefix, more *regexp.Regexp) func(group string) bool {
	routers, single := prefix.RouterGroup(""), []string{prefix.WebPushGroup(), prefix.MailGroup(), prefix.RequestsGroup()}
	return func(group string) bool {
		return strings.HasPrefix(group, routers) || slices.Contains(single, group) || more != nil && more.MatchString(group)
	}
}

// viewPaces is how fast views read their tables.
type viewPaces struct {
	mu  sync.Mutex
	all map[string]*lag.CatchUp // by name
}

func newViewPaces() *viewPaces { return &viewPaces{all: map[string]*lag.CatchUp{}} }

func (p *viewPaces) observe(views []*table.View, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range views {
		name := v.Status().Name
		if p.all[name] == nil {
			p.all[name] = &lag.CatchUp{}
		}
		next, lag := v.Reach()
		p.all[name].Observe(at, next, lag)
	}
}

func (p *viewPaces) seconds(name string) (float64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[name] == nil {
		return 0, false
	}
	return p.all[name].Seconds()
}

// tellLag tells of this process's own part in each group. A figure that was not
// collected is absent: an old figure would look like a good one.
func (n *node) tellLag(t telling) {
	for _, v := range n.views() {
		name := v.Status().Name
		if s, known := n.viewPaces.seconds(name); known {
			t.gauge("belfry_view_catchup_seconds", "Time until the view has read its table, +Inf if it gets no nearer; absent until that is known.", s, "view", name)
		}
	}
	report := n.lag.Report()
	for _, p := range n.allProcessors() {
		group := p.Group()
		own := p.Partitions()
		t.gauge("belfry_processor_partitions", "Partitions that this process has in the group.", float64(len(own)), "group", group)
		if !report.Up {
			continue
		}
		for _, g := range report.Groups {
			if g.Name != group {
				continue
			}
			lag, oldest := ownLag(&g, own)
			t.gauge("belfry_processor_lag_records", "Records that this process has not processed of its partitions.", float64(lag), "group", group)
			t.gauge("belfry_processor_lag_seconds", "Age of the oldest record that this process has not processed of its partitions, 0 without one.", oldest, "group", group)
			if s, known := g.CatchUp(); known {
				t.gauge("belfry_catchup_seconds", "Time until the group, all of its processes, has processed all, +Inf if it gets no nearer; absent until that is known.", s, "group", group)
			}
		}
	}
}

func ownLag(g *lag.Group, own []engine.Claimed) (records int64, oldest float64) {
	mine := make(map[engine.Claimed]bool, len(own))
	for _, c := range own {
		mine[c] = true
	}
	for _, p := range g.Partitions {
		if mine[engine.Claimed{Topic: p.Topic, Partition: p.Partition}] {
			records += p.Lag
			oldest = max(oldest, p.LagSeconds)
		}
	}
	return records, oldest
}
