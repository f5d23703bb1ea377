package lag

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Report is how far behind consumer groups were when it was collected. Make
// one with [NewReport]. Reports are shared: nobody may modify what they
// point to.
type Report struct {
	// Up says that the last attempt to collect succeeded. Otherwise Error says
	// why not, and all else is what the last successful one found, or nothing
	// if there was none.
	Up    bool   `json:"up"`
	Error string `json:"error,omitempty"`

	CollectedAt   time.Time `json:"collected_at,omitzero"` // by the last success
	TookSeconds   float64   `json:"took_seconds"`          // by the last success
	Requests      int       `json:"requests"`              // that the last success made of the brokers
	Skipped       int       `json:"skipped"`               // groups and partitions of others that could not be read
	Lag           int64     `json:"lag"`                   // records, of all groups
	MaxLagSeconds float64   `json:"max_lag_seconds"`
	Groups        []Group   `json:"groups"` // by name
}

// Group is how far behind one consumer group is.
type Group struct {
	Name string `json:"name"`
	// State is Kafka's: Stable, PreparingRebalance, CompletingRebalance, Empty
	// (no member), or Dead (the brokers know nothing of the group).
	State string `json:"state"`
	// Protocol is how members share the partitions, such as sticky; empty
	// without members. Coordinator is the broker in charge of the group.
	Protocol    string   `json:"protocol"`
	Coordinator int32    `json:"coordinator"`
	Members     []Member `json:"members"` // by ID

	Lag           int64   `json:"lag"` // records, of all partitions
	MaxLagSeconds float64 `json:"max_lag_seconds"`
	// CatchUpSeconds is how long until the group is caught up, as [CatchUp] has
	// it; nil if it gets no nearer, CatchUpNever then, or that is not known yet.
	CatchUpSeconds *float64    `json:"catchup_seconds"`
	CatchUpNever   bool        `json:"catchup_never,omitempty"`
	Partitions     []Partition `json:"partitions"` // by topic and number
}

// CatchUp returns how long until g is caught up, as [CatchUp.Seconds] has it.
func (g *Group) CatchUp() (seconds float64, known bool) {
	switch {
	case g.CatchUpNever:
		return math.Inf(1), true
	case g.CatchUpSeconds != nil:
		return *g.CatchUpSeconds, true
	}
	return 0, false
}

// Member is a running instance of a group.
type Member struct {
	ID         string `json:"id"`
	ClientID   string `json:"client_id"`
	Host       string `json:"host"`
	Partitions int    `json:"partitions"` // how many are assigned to it
	// Topics is how many of those each topic has, by name.
	Topics map[string]int `json:"topics,omitempty"`
}

// Assign adds partitions of a topic that are assigned to m.
func (m *Member) Assign(topic string, partitions int) {
	if partitions == 0 {
		return
	}
	if m.Topics == nil {
		m.Topics = map[string]int{}
	}
	m.Topics[topic] += partitions
	m.Partitions += partitions
}

// Partition is how far behind a group is in one partition.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// CurrentOffset is the committed offset, that of the next record to
	// process; nil if the group has committed none.
	CurrentOffset *int64 `json:"current_offset"`
	EndOffset     int64  `json:"end_offset"`    // of the next record to be written
	OldestOffset  int64  `json:"oldest_offset"` // of the first record that is still there
	Lag           int64  `json:"lag"`           // records, never negative
	// LagSeconds is the age of the oldest unprocessed record, 0 without one: by
	// its own timestamp, or by a [Clock] where that was not looked up.
	LagSeconds float64 `json:"lag_seconds"`
	// HeldBack is how many offsets lie behind a transaction that is open, its own
	// records among them: nobody reads them before it ends, and they are no lag.
	// HeldSince is when its first record was written.
	HeldBack  int64     `json:"held_back,omitempty"`
	HeldSince time.Time `json:"held_since,omitzero"`
}

// Held is one line for people about what a transaction holds back; empty if none
// does.
func (p *Partition) Held(now time.Time) string {
	if p.HeldBack == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%d: %d offsets from %d on are held back by a transaction that is open for %s",
		p.Topic, p.Partition, p.HeldBack, p.EndOffset-p.HeldBack, max(now.Sub(p.HeldSince), 0).Round(time.Second))
}

// NewReport returns the report of a successful collection. It takes the
// groups over, orders them and fills in their totals.
func NewReport(at time.Time, groups []Group) Report {
	r := Report{Up: true, CollectedAt: at, Groups: groups}
	if groups == nil {
		r.Groups = []Group{}
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	for i := range groups {
		g := &groups[i]
		g.total()
		r.Lag += g.Lag
		r.MaxLagSeconds = max(r.MaxLagSeconds, g.MaxLagSeconds)
	}
	return r
}

func (g *Group) total() {
	slices.SortFunc(g.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Partitions, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if g.Members == nil {
		g.Members = []Member{}
	}
	if g.Partitions == nil {
		g.Partitions = []Partition{}
	}
	g.Lag, g.MaxLagSeconds = 0, 0
	for _, p := range g.Partitions {
		g.Lag += p.Lag
		g.MaxLagSeconds = max(g.MaxLagSeconds, p.LagSeconds)
	}
}

// Failed returns what to report after a failed attempt: r, marked as what was
// found before.
func (r Report) Failed(err error) Report {
	r.Up, r.Error = false, err.Error()
	if r.Groups == nil {
		r.Groups = []Group{}
	}
	return r
}

// Of returns the offset of the record that a group processes next in a
// partition, and how many records from there on it has not processed. A group
// of ours without a usable offset (committed is nil, was overtaken by
// retention, or lies beyond the end of a log that was cut or made anew) starts
// at the oldest record, so it is counted from there. Oldest, stable and end must be
// read after committed: else a group that is ahead of them seems cut off.
//
// Records are counted up to the last stable offset: nobody can process what lies
// from there to the end.
func Of(committed *int64, oldest, stable, end int64) (next, lag int64) {
	next = oldest
	if committed != nil && *committed >= oldest && *committed <= end {
		next = *committed
	}
	return next, max(stable-next, 0)
}
