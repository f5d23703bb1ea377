package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/lag"
)

func opsAPI(t *testing.T, edit ...func(*Config)) (*api, *fakeOps) {
	t.Helper()
	f := newFakeOps()
	return newAPI(t, append([]func(*Config){withOps(f)}, edit...)...), f
}

func TestOverview(t *testing.T) {
	a, _ := opsAPI(t, func(c *Config) { c.Registry = prometheus.NewRegistry() })
	dead := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "belfry_dead_letters_total", Help: "x"}, []string{"group", "reason"})
	drift := prometheus.NewGauge(prometheus.GaugeOpts{Name: "belfry_unread_drift", Help: "x"})
	drift.Set(2)
	a.config.Registry.MustRegister(dead, drift)
	dead.WithLabelValues("belfry-unread", "panic").Add(3)
	dead.WithLabelValues("belfry-unread", "empty")
	a.notify("user-7", "hello")
	a.get("/v1/users/user-7/unread").Want(200)

	got := into[overview](a.get("/v1/ops/overview").Want(200))
	if !got.Ready || !got.Lag.Up || got.Lag.Lag != 43 || got.Lag.MaxLagSeconds != 200 || !got.Lag.CollectedAt.Equal(opsTime) {
		t.Errorf("got ready %t, lag %+v", got.Ready, got.Lag)
	}
	var groups []string
	for _, g := range got.Groups {
		groups = append(groups, fmt.Sprintf("%s %s/%s %d/%d here %t lag %d", g.Name, g.State, g.KafkaState, g.MemberCount, g.PartitionCount, g.Here, g.Lag))
	}
	want := []string{
		"billing stopped/Empty 0/0 here false lag 0",
		"belfry-unread recovering/Stable 1/2 here true lag 43",
		"belfry-router-orders running/Stable 0/0 here true lag 0",
	}
	if !slices.Equal(groups, want) {
		t.Errorf("got groups\n%s\nwant the worst first\n%s", strings.Join(groups, "\n"), strings.Join(want, "\n"))
	}
	if p := got.Groups[1].Progress; p == nil || p.Percent != 37.5 || *p.ETA != 42 {
		t.Errorf("got progress %+v", p)
	}
	if len(got.Views) != 1 || got.Views[0].Lag != 2 || len(got.Rebalances) != 1 || got.Rebalances[0].PauseSeconds != 1.5 {
		t.Errorf("got views %+v, rebalances %+v", got.Views, got.Rebalances)
	}
	if len(got.DeadLetters) != 1 || got.DeadLetters[0] != (deadLetters{"belfry-unread", "panic", 3}) {
		t.Errorf("got dead letters %+v, want those there are", got.DeadLetters)
	}
	if got.Drift == nil || *got.Drift != 2 {
		t.Errorf("got drift %v, want 2", got.Drift)
	}
	if got.Traffic.Polls["200"] != 1 || got.Traffic.Streams != 0 {
		t.Errorf("got traffic %+v, want one poll", got.Traffic)
	}
}

func TestOverviewTopology(t *testing.T) {
	a, _ := opsAPI(t)
	var nodes []string
	got := into[overview](a.get("/v1/ops/overview").Want(200)).Topology
	for _, n := range got.Nodes {
		nodes = append(nodes, fmt.Sprintf("%d %s %s %s", n.Column, n.Kind, n.Name, n.State))
	}
	want := []string{
		"1 server HTTP API ", "2 topic belfry.journal ", "0 topic orders ", "1 group belfry-router-orders running",
		"3 group belfry-unread recovering", "4 topic belfry.items ", "4 table belfry-unread-table ",
	}
	if !slices.Equal(nodes, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(nodes, "\n"), strings.Join(want, "\n"))
	}
	if len(got.Edges) != 6 {
		t.Errorf("got edges %v, want 6", got.Edges)
	}
	// A cycle, which is none of ours, must end too.
	loop := newTopology([]Flow{{Name: "g", Kind: "group", Inputs: []string{"a"}, Outputs: []string{"a"}}}, nil)
	if len(loop.Nodes) != 2 {
		t.Errorf("got %+v for a cycle", loop)
	}
}

// TestOverviewIsBounded has many groups of others, and one with many partitions.
func TestOverviewIsBounded(t *testing.T) {
	a, f := opsAPI(t)
	var groups []lag.Group
	for i := range 3 * maxOverviewGroups {
		groups = append(groups, lag.Group{Name: fmt.Sprintf("g-%03d", i), State: "Stable"})
	}
	groups[7].State = "Empty"
	for i := range 3 * maxOverviewPartitions {
		groups[7].Partitions = append(groups[7].Partitions, lag.Partition{Topic: "t", Partition: int32(i), Lag: int64(i)})
	}
	f.set(func() { f.lag, f.workers = lag.NewReport(opsTime, groups), nil })
	got := into[overview](a.get("/v1/ops/overview").Want(200))
	if len(got.Groups) != maxOverviewGroups || got.GroupsOmitted != 2*maxOverviewGroups {
		t.Fatalf("got %d groups, %d omitted", len(got.Groups), got.GroupsOmitted)
	}
	first := got.Groups[0]
	if first.Name != "g-007" || len(first.Partitions) != maxOverviewPartitions || first.PartitionCount != 3*maxOverviewPartitions || first.Partitions[0].Lag != int64(3*maxOverviewPartitions-1) {
		t.Errorf("got %s with %d of %d partitions, first %+v; want the stopped one with the highest lag", first.Name, len(first.Partitions), first.PartitionCount, first.Partitions[0])
	}
	if f.lag.Groups[7].Partitions[0].Lag != 0 {
		t.Error("the shared report was modified")
	}
}

func TestGroupStates(t *testing.T) {
	for _, tt := range []struct {
		kafka  string
		phases []string
		want   string
	}{
		{"Stable", nil, "running"}, {"Empty", nil, "stopped"}, {"Dead", nil, "stopped"}, {"PreparingRebalance", nil, "rebalancing"},
		{"", nil, "unknown"}, {"", []string{"starting"}, "starting"}, {"Stable", []string{"failed"}, "failed"},
		{"Empty", []string{"running"}, "running"}, {"Stable", []string{"running", "recovering"}, "recovering"},
	} {
		var workers []Worker
		for _, p := range tt.phases {
			workers = append(workers, Worker{Kind: "processor", Name: "g", Phase: p})
		}
		report := lag.NewReport(opsTime, []lag.Group{{Name: "g", State: tt.kafka}})
		if tt.kafka == "" && tt.phases != nil {
			report = lag.Report{}
		}
		if got := groupStatuses(report, workers, nil); len(got) != 1 || got[0].State != tt.want {
			t.Errorf("%q with members here %v: got %+v, want %s", tt.kafka, tt.phases, got, tt.want)
		}
	}
}

// TestOverviewWithoutAnInstallation has a server that knows of nothing but
// itself.
func TestOverviewWithoutAnInstallation(t *testing.T) {
	a := newAPI(t)
	got := into[overview](a.get("/v1/ops/overview").Want(200))
	if got.Lag.Up || got.Lag.Error == "" || got.Groups == nil || got.Views == nil || got.Topology.Nodes == nil {
		t.Errorf("got %+v", got)
	}
	for _, path := range []string{"/v1/ops/dead-letters", "/v1/ops/dead-letters/0/1", "/v1/ops/users/user-7/journal"} {
		a.get(path).wantProblem(http.StatusServiceUnavailable, "")
	}
	a.call("POST", "/v1/ops/dead-letters/replay", `{"letters":[{"partition":0,"offset":1}]}`).wantProblem(http.StatusServiceUnavailable, "")
}
