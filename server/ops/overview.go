package ops

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// Bounds of an overview, which is sent to every viewer every second or so.
const (
	maxOverviewGroups     = 100
	maxOverviewPartitions = 64 // of a group, those with the highest lag
	maxOverviewMembers    = 64 // of a group
)

// maxReportAge is how old a report of lag may be, besides the time that it took,
// until the brokers count as away: several collections have been missed then.
const maxReportAge = 15 * time.Second

// overview is what the ops page shows at a glance.
type overview struct {
	At     time.Time     `json:"at"`
	Ready  bool          `json:"ready"`
	Lag    overviewLag   `json:"lag"`
	Groups []groupStatus `json:"groups"` // by state, the worst first, then by name
	// GroupsOmitted is how many groups there are besides.
	GroupsOmitted int      `json:"groups_omitted"`
	Topology      topology `json:"topology"`
	// Processors is how many run in this process. Without any it sees no
	// rebalances.
	Processors  int         `json:"processors"`
	Rebalances  []Rebalance `json:"rebalances"` // the newest first
	Views       []Worker    `json:"views"`
	Traffic     traffic     `json:"traffic"`
	DeadLetters deadLetters `json:"dead_letters"`
	// Drift is by how many unread items recounted badges were wrong, which must
	// be 0; nil if nothing is recounted here.
	Drift *float64 `json:"drift,omitempty"`
	// Timers are nil if no rows are folded here, ClockSkewSeconds if the clocks were
	// not compared yet.
	Timers           *Timers  `json:"timers,omitempty"`
	ClockSkewSeconds *float64 `json:"clock_skew_seconds,omitempty"`
	// Channels are those that somebody was told on by this process, by name.
	Channels []Channel `json:"channels,omitempty"`
}

// overviewLag is the sum over all groups. Unless Up the brokers do not answer, or
// have not yet, and all that they said is as of CollectedAt.
type overviewLag struct {
	Up            bool      `json:"up"`
	Error         string    `json:"error,omitempty"`
	CollectedAt   time.Time `json:"collected_at,omitzero"`
	Lag           int64     `json:"lag"`
	MaxLagSeconds float64   `json:"max_lag_seconds"`
}

// groupStatus is one group: what the brokers say of it, and what its members in
// this process say of themselves.
type groupStatus struct {
	lag.Group
	// State is running, starting, recovering, rebalancing, waiting (for its topic,
	// which does not exist), failed, stopped or unknown (the brokers do not
	// answer); of several members here that of the worst.
	State      string         `json:"state"`
	KafkaState string         `json:"kafka_state"`
	Error      string         `json:"error,omitempty"`
	Refused    []string       `json:"refused,omitempty"`
	Lacks      []string       `json:"lacks,omitempty"`
	Waiting    []string       `json:"waiting,omitempty"`
	Restarts   int            `json:"restarts"`
	Progress   *wire.Progress `json:"progress,omitempty"`
	Here       bool           `json:"here"` // whether this process is a member
	// MemberCount and PartitionCount count those too that are left out of
	// members and partitions.
	MemberCount    int `json:"member_count"`
	PartitionCount int `json:"partition_count"`
	// Processed is the sum of the committed offsets: it rises by one for each
	// record that any member processes.
	Processed int64 `json:"processed"`
}

// traffic is what this server's clients do. Counters rise from its start.
type traffic struct {
	Streams  float64            `json:"streams"` // open
	Requests float64            `json:"requests"`
	InFlight float64            `json:"in_flight"`
	Polls    map[string]float64 `json:"polls"`  // by status code
	Events   map[string]float64 `json:"events"` // sent to streams, by kind
}

// deadLetters are the pending ones of the installation, whoever set them aside.
type deadLetters struct {
	Pending int64                    `json:"pending"`
	Kinds   []deadletter.PendingKind `json:"kinds"`
	// CountedAt is when the topic was last looked at; absent while it is read for
	// the first time.
	CountedAt time.Time `json:"counted_at,omitzero"`
	Error     string    `json:"error,omitempty"` // why it is not that of now
}

func newDeadLetters(p Pending) deadLetters {
	return deadLetters{Pending: p.Count, Kinds: append([]deadletter.PendingKind{}, p.Kinds...), CountedAt: p.CountedAt.UTC(), Error: p.Error}
}

// Overview answers GET /v1/ops/overview.
func (s *Calls) Overview(w http.ResponseWriter, _ *http.Request, _ auth.Call) error {
	wire.Respond(w, http.StatusOK, s.overview(time.Now()))
	return nil
}

// Lag answers GET /v1/lag.
func (s *Calls) Lag(w http.ResponseWriter, _ *http.Request, _ auth.Call) error {
	if s.config.Installation == nil {
		return ErrNoLag
	}
	wire.Respond(w, http.StatusOK, s.config.Installation.Lag())
	return nil
}

func (s *Calls) overview(now time.Time) overview {
	o := overview{
		At: now.UTC(), Ready: s.config.Ready(), Groups: []groupStatus{}, Rebalances: []Rebalance{}, Views: []Worker{},
		Topology: topology{Nodes: []topologyNode{}, Edges: []topologyEdge{}}, DeadLetters: deadLetters{Kinds: []deadletter.PendingKind{}},
	}
	t := s.config.Traffic
	o.Traffic = traffic{
		Streams: sum(t.Streams), Requests: sum(t.Requests), InFlight: sum(t.InFlight),
		Polls: by(t.Polls, "code"), Events: by(t.Events, "kind"),
	}
	in := s.config.Installation
	if in == nil {
		o.Lag.Error, o.DeadLetters.Error = ErrNoPart.Error(), ErrNoPart.Error()
		return o
	}
	report := current(in.Lag(), now)
	o.Lag = overviewLag{report.Up, report.Error, report.CollectedAt, report.Lag, report.MaxLagSeconds}
	workers := in.Workers()
	for _, w := range workers {
		if w.Kind == "view" {
			o.Views = append(o.Views, w)
		} else {
			o.Processors++
		}
	}
	o.Groups = groupStatuses(report, workers, now)
	o.Topology = newTopology(in.Flows(), o.Groups)
	o.GroupsOmitted = max(len(o.Groups)-maxOverviewGroups, 0)
	o.Groups = o.Groups[:len(o.Groups)-o.GroupsOmitted]
	o.Rebalances = append(o.Rebalances, in.Rebalances()...)
	o.DeadLetters = newDeadLetters(in.Pending())
	o.Drift = new(float64(in.Drift()))
	if timers, ok := in.Timers(); ok {
		o.Timers = &timers
	}
	if skew, ok := in.ClockSkew(); ok {
		o.ClockSkewSeconds = new(skew.Seconds())
	}
	o.Channels = in.Channels()
	return o
}

// current returns the report as it is to be read now: one that is old is what a
// collection found that still waits for the brokers.
func current(r lag.Report, now time.Time) lag.Report {
	age := now.Sub(r.CollectedAt)
	if r.Up && age > maxReportAge+time.Duration(r.TookSeconds*float64(time.Second)) {
		r.Up, r.Error = false, fmt.Sprintf("the brokers have not answered for %s", age.Truncate(time.Second))
	}
	return r
}

// badness orders states, so that what needs somebody comes first.
func badness(state string) int {
	return slices.Index([]string{stateRunning, stateUnknown, stateRebalancing, stateWaiting, stateStarting, stateRecovering, stateStopped, stateFailed}, state)
}

// groupStatuses joins what the brokers and what the members here say. A group
// that the brokers were not asked about, or not yet, shows if it has a member
// here.
func groupStatuses(report lag.Report, workers []Worker, now time.Time) []groupStatus {
	out := make([]groupStatus, 0, len(report.Groups))
	known := map[string]bool{}
	for _, g := range report.Groups {
		known[g.Name] = true
		out = append(out, newGroupStatus(g, workers, report.Up, now))
	}
	for _, w := range workers {
		if w.Kind == "processor" && !known[w.Name] {
			known[w.Name] = true
			g := lag.Group{Name: w.Name, Members: []lag.Member{}, Partitions: []lag.Partition{}}
			out = append(out, newGroupStatus(g, workers, report.Up, now))
		}
	}
	slices.SortFunc(out, func(a, b groupStatus) int {
		return cmp.Or(cmp.Compare(badness(b.State), badness(a.State)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func newGroupStatus(g lag.Group, workers []Worker, up bool, now time.Time) groupStatus {
	s := groupStatus{
		Group: g, KafkaState: g.State, State: stateOfKafka(g.State), MemberCount: len(g.Members), PartitionCount: len(g.Partitions),
	}
	if !up {
		s.State = stateUnknown
	}
	for _, p := range g.Partitions {
		if p.CurrentOffset != nil {
			s.Processed += *p.CurrentOffset
		}
	}
	for i := range g.Partitions {
		if line := g.Partitions[i].Held(now); up && line != "" && len(s.Waiting) < maxOverviewPartitions {
			s.Waiting = append(s.Waiting, line)
		}
	}
	for _, w := range workers {
		if w.Kind != "processor" || w.Name != g.Name {
			continue
		}
		phase := w.Phase
		if !up && phase == stateRunning {
			phase = stateUnknown // it processes nothing and may not know yet
		}
		if !s.Here || badness(phase) > badness(s.State) {
			s.State, s.Progress = phase, w.Progress
		}
		s.Here, s.Restarts = true, s.Restarts+w.Restarts
		s.Error = cmp.Or(s.Error, w.Error)
		s.Refused = append(s.Refused, w.Refused...)
		s.Lacks = append(s.Lacks, w.Lacks...)
		s.Waiting = append(s.Waiting, w.Waiting...)
	}
	if len(s.Members) > maxOverviewMembers {
		s.Members = s.Members[:maxOverviewMembers]
	}
	if len(s.Partitions) > maxOverviewPartitions {
		// The report is shared.
		worst := slices.Clone(s.Partitions)
		slices.SortStableFunc(worst, func(a, b lag.Partition) int { return cmp.Compare(b.Lag, a.Lag) })
		s.Partitions = worst[:maxOverviewPartitions]
	}
	return s
}

// stateOfKafka is the state of a group of which nothing runs here.
func stateOfKafka(state string) string {
	switch state {
	case "Stable":
		return stateRunning
	case "PreparingRebalance", "CompletingRebalance":
		return stateRebalancing
	case "Empty", "Dead":
		return stateStopped
	}
	return stateUnknown
}

// each calls visit with all values of counters or gauges, and with what finds
// the labels of each.
func each(c prometheus.Collector, visit func(label func(name string) string, value float64)) {
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		c.Collect(metrics)
	}()
	for metric := range metrics {
		var m dto.Metric
		if metric.Write(&m) != nil {
			continue // it cannot be read: it is left out
		}
		label := func(name string) string {
			i := slices.IndexFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == name })
			if i < 0 {
				return ""
			}
			return m.Label[i].GetValue()
		}
		visit(label, m.GetCounter().GetValue()+m.GetGauge().GetValue())
	}
}

func sum(c prometheus.Collector) (sum float64) {
	each(c, func(_ func(string) string, n float64) { sum += n })
	return sum
}

// by sums over the values of a label.
func by(c prometheus.Collector, name string) map[string]float64 {
	out := map[string]float64{}
	each(c, func(label func(string) string, n float64) { out[label(name)] += n })
	return out
}
