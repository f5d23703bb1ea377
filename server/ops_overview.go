package server

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

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

// overview is what the ops page shows at a glance.
type overview struct {
	At     time.Time     `json:"at"`
	Ready  bool          `json:"ready"`
	Lag    overviewLag   `json:"lag"`
	Groups []groupStatus `json:"groups"` // by state, the worst first, then by name
	// GroupsOmitted is how many groups there are besides.
	GroupsOmitted int           `json:"groups_omitted"`
	Topology      topology      `json:"topology"`
	Rebalances    []Rebalance   `json:"rebalances"` // the newest first
	Views         []Worker      `json:"views"`
	Traffic       traffic       `json:"traffic"`
	DeadLetters   []deadLetters `json:"dead_letters"`
	// Drift is by how many unread items recounted badges were wrong, which must
	// be 0; nil if nothing is recounted here.
	Drift *float64 `json:"drift,omitempty"`
}

// overviewLag is the sum over all groups.
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
	// which does not exist), failed, stopped or unknown; of several members here that of the worst.
	State      string         `json:"state"`
	KafkaState string         `json:"kafka_state"`
	Error      string         `json:"error,omitempty"`
	Refused    []string       `json:"refused,omitempty"`
	Waiting    []string       `json:"waiting,omitempty"`
	Restarts   int            `json:"restarts"`
	Progress   *wire.Progress `json:"progress,omitempty"`
	Here       bool           `json:"here"` // whether this process is a member
	// MemberCount and PartitionCount count those too that are left out of
	// members and partitions.
	MemberCount    int `json:"member_count"`
	PartitionCount int `json:"partition_count"`
	// Records is how many records this process has processed for the group.
	Records float64 `json:"records"`
}

// traffic is what this server's clients do. Counters rise from its start.
type traffic struct {
	Streams  float64            `json:"streams"` // open
	Requests float64            `json:"requests"`
	InFlight float64            `json:"in_flight"`
	Polls    map[string]float64 `json:"polls"`  // by status code
	Events   map[string]float64 `json:"events"` // sent to streams, by kind
}

// deadLetters are those that this process has set aside since its start.
type deadLetters struct {
	Group  string  `json:"group"`
	Reason string  `json:"reason"`
	Count  float64 `json:"count"`
}

// getOverview answers GET /v1/ops/overview.
func (s *Server) getOverview(w http.ResponseWriter, _ *http.Request, _ auth.Call) error {
	wire.Respond(w, http.StatusOK, s.overview(time.Now()))
	return nil
}

func (s *Server) overview(now time.Time) overview {
	o := overview{
		At: now.UTC(), Ready: s.ready(), Groups: []groupStatus{}, Rebalances: []Rebalance{}, Views: []Worker{},
		Topology: topology{Nodes: []topologyNode{}, Edges: []topologyEdge{}}, DeadLetters: []deadLetters{},
	}
	figures := s.figures()
	o.Traffic = traffic{
		Streams: figures.sum("belfry_stream_connections"), Requests: figures.sum("belfry_http_requests_total"),
		InFlight: figures.sum("belfry_http_requests_in_flight"),
		Polls:    figures.by("belfry_polls_total", "code"), Events: figures.by("belfry_stream_events_total", "kind"),
	}
	if _, ok := figures["belfry_unread_drift"]; ok {
		drift := figures.sum("belfry_unread_drift")
		o.Drift = &drift
	}
	for _, m := range figures["belfry_dead_letters_total"].GetMetric() {
		if n := m.GetCounter().GetValue(); n > 0 {
			o.DeadLetters = append(o.DeadLetters, deadLetters{labelOf(m, "group"), labelOf(m, "reason"), n})
		}
	}
	in := s.config.Operations.Installation
	if in == nil {
		o.Lag.Error = errNoPart.Error()
		return o
	}
	report := in.Lag()
	o.Lag = overviewLag{report.Up, report.Error, report.CollectedAt, report.Lag, report.MaxLagSeconds}
	workers := in.Workers()
	for _, w := range workers {
		if w.Kind == "view" {
			o.Views = append(o.Views, w)
		}
	}
	o.Groups = groupStatuses(report, workers, figures.by("belfry_records_total", "group"))
	o.Topology = newTopology(in.Flows(), o.Groups)
	o.GroupsOmitted = max(len(o.Groups)-maxOverviewGroups, 0)
	o.Groups = o.Groups[:len(o.Groups)-o.GroupsOmitted]
	o.Rebalances = append(o.Rebalances, in.Rebalances()...)
	return o
}

func (s *Server) ready() bool {
	return s.config.Readiness == nil || !slices.ContainsFunc(s.config.Readiness(), func(c Condition) bool { return !c.Ready })
}

// badness orders states, so that what needs somebody comes first.
func badness(state string) int {
	return slices.Index([]string{stateRunning, stateUnknown, stateRebalancing, stateWaiting, stateStarting, stateRecovering, stateStopped, stateFailed}, state)
}

// groupStatuses joins what the brokers and what the members here say. A group
// that the brokers were not asked about, or not yet, shows if it has a member
// here.
func groupStatuses(report lag.Report, workers []Worker, records map[string]float64) []groupStatus {
	out := make([]groupStatus, 0, len(report.Groups))
	known := map[string]bool{}
	for _, g := range report.Groups {
		known[g.Name] = true
		out = append(out, newGroupStatus(g, workers, records))
	}
	for _, w := range workers {
		if w.Kind == "processor" && !known[w.Name] {
			known[w.Name] = true
			g := lag.Group{Name: w.Name, Members: []lag.Member{}, Partitions: []lag.Partition{}}
			out = append(out, newGroupStatus(g, workers, records))
		}
	}
	slices.SortFunc(out, func(a, b groupStatus) int {
		return cmp.Or(cmp.Compare(badness(b.State), badness(a.State)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func newGroupStatus(g lag.Group, workers []Worker, records map[string]float64) groupStatus {
	s := groupStatus{
		Group: g, KafkaState: g.State, State: stateOfKafka(g.State), Records: records[g.Name],
		MemberCount: len(g.Members), PartitionCount: len(g.Partitions),
	}
	for _, w := range workers {
		if w.Kind != "processor" || w.Name != g.Name {
			continue
		}
		if !s.Here || badness(w.Phase) > badness(s.State) {
			s.State, s.Progress = w.Phase, w.Progress
		}
		s.Here, s.Restarts = true, s.Restarts+w.Restarts
		s.Error = cmp.Or(s.Error, w.Error)
		s.Refused = append(s.Refused, w.Refused...)
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

// figures are metrics of this process by name.
type figures map[string]*dto.MetricFamily

// figures reads the process's own metrics. A metric that cannot be gathered is left out.
func (s *Server) figures() figures {
	families, err := s.config.Registry.Gather()
	if err != nil {
		s.log.Debug("metrics not gathered", "err", err)
	}
	out := make(figures, len(families))
	for _, f := range families {
		out[f.GetName()] = f
	}
	return out
}

func (f figures) sum(name string) (sum float64) {
	for _, m := range f[name].GetMetric() {
		sum += valueOf(m)
	}
	return sum
}

// by sums over the values of a label.
func (f figures) by(name, label string) map[string]float64 {
	out := map[string]float64{}
	for _, m := range f[name].GetMetric() {
		out[labelOf(m, label)] += valueOf(m)
	}
	return out
}

func valueOf(m *dto.Metric) float64 { return m.GetCounter().GetValue() + m.GetGauge().GetValue() }

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
