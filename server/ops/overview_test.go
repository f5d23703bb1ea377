package ops_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/internal/opstest"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/ops"
)

func TestOverview(t *testing.T) {
	a, f := opsAPI(t)
	f.Recounted = 2
	a.Append("user-7", servertest.Note("hello"))
	tag := a.get("/v1/users/user-7/unread").Want(200).Header().Get("ETag")
	a.get("/v1/users/user-7/unread", "If-None-Match", tag).Want(304)
	a.get("/v1/users/user-7/inbox").Want(200)

	got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200))
	if !got.Ready || !got.Lag.Up || got.Lag.Lag != 43 || got.Lag.MaxLagSeconds != 200 || !got.Lag.CollectedAt.Equal(f.Collected.CollectedAt) {
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
	if d := got.DeadLetters; d.Pending != 4 || len(d.Kinds) != 2 || d.Kinds[1].Group != "belfry-unread" || d.Kinds[1].Count != 3 || !d.CountedAt.Equal(opstest.At) {
		t.Errorf("got dead letters %+v, want those of the topic", d)
	}
	if got.Processors != 2 {
		t.Errorf("got %d processors here, want 2", got.Processors)
	}
	if billing, unread := got.Groups[0].Processed, got.Groups[1].Processed; billing != 0 || unread != 40 {
		t.Errorf("got %d and %d processed records, want what the groups have committed", billing, unread)
	}
	if got.Drift == nil || *got.Drift != 2 {
		t.Errorf("got drift %v, want 2", got.Drift)
	}
	if got.Timers != nil || got.ClockSkewSeconds != nil {
		t.Errorf("got timers %v and skew %v, where no rows are folded and nothing was appended", got.Timers, got.ClockSkewSeconds)
	}
	wantPolls := map[string]float64{"200": 1, "304": 1, "429": 0, "503": 0}
	if tr := got.Traffic; !maps.Equal(tr.Polls, wantPolls) || tr.Requests != 3 || tr.InFlight != 1 || tr.Streams != 0 || tr.Events["unread"] != 0 {
		t.Errorf("got traffic %+v, want two polls of three calls, and this one under way", tr)
	}
	f.Timed, f.Ahead = ops.Timers{Pending: 12, Fired: 340, Again: 2, LateSeconds: 1.5}, -1500*time.Millisecond
	got = servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200))
	if got.Timers == nil || *got.Timers != f.Timed || got.ClockSkewSeconds == nil || *got.ClockSkewSeconds != -1.5 {
		t.Errorf("got timers %+v and skew %v", got.Timers, got.ClockSkewSeconds)
	}
	if got.Channels != nil {
		t.Errorf("got channels %+v, where nobody is told", got.Channels)
	}
	f.Told = []ops.Channel{{Name: "browser", Dispatched: 9, Sent: 7, Held: map[string]int64{"quiet": 3}, Returned: map[string]int64{"late": 2}}}
	got = servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200))
	if !reflect.DeepEqual(got.Channels, f.Told) {
		t.Errorf("got channels %+v, want %+v", got.Channels, f.Told)
	}
}

// A stream that is open counts, as does each event that went out on it.
func TestOverviewCountsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := opsAPI(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan servertest.Reply)
		go func() { done <- a.within(ctx, "GET", "/v1/users/user-7/stream", "") }()
		synctest.Wait()
		if got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200)).Traffic; got.Streams != 1 || got.Events["unread"] != 1 || got.Events["item"] != 0 {
			t.Errorf("got %+v, want the stream and its badge", got)
		}
		if got := servertest.Into[ops.LookupBody](a.get("/v1/ops/users/user-7").Want(200)); got.Streams != 1 {
			t.Errorf("got %d streams of the user, want 1", got.Streams)
		}
		cancel()
		<-done
		synctest.Wait()
		if got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200)).Traffic; got.Streams != 0 {
			t.Errorf("got %v streams after its client has gone", got.Streams)
		}
	})
}

func TestOverviewTopology(t *testing.T) {
	a, _ := opsAPI(t)
	var nodes []string
	got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200)).Topology
	for _, n := range got.Nodes {
		nodes = append(nodes, fmt.Sprintf("%d %s %s %s", n.Column, n.Kind, n.Name, n.State))
	}
	want := []string{
		"1 server HTTP API ", "2 topic belfry.journal ", "0 topic orders ", "1 group belfry-router-orders running",
		"3 group belfry-unread recovering", "4 table belfry-unread-table ", "4 table belfry-inbox-table ",
	}
	if !slices.Equal(nodes, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(nodes, "\n"), strings.Join(want, "\n"))
	}
	if len(got.Edges) != 6 {
		t.Errorf("got edges %v, want 6", got.Edges)
	}
}

// TestOverviewWhileKafkaIsAway has brokers that do not answer: what they said
// before is not how things are.
func TestOverviewWhileKafkaIsAway(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	for name, away := range map[string]func(*lag.Report){
		"a collection failed": func(r *lag.Report) { *r = r.Failed(errors.New("no broker answers")) },
		"none comes back":     func(r *lag.Report) { r.CollectedAt = long },
	} {
		t.Run(name, func(t *testing.T) {
			a, f := opsAPI(t)
			f.Set(func() {
				away(&f.Collected)
				f.Working[0].Phase = "failed"
			})
			got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200))
			if got.Lag.Up || got.Lag.Error == "" || !got.Lag.CollectedAt.Equal(f.Collected.CollectedAt) {
				t.Errorf("got lag %+v, want that of before, marked as such", got.Lag)
			}
			states := map[string]string{}
			for _, g := range got.Groups {
				states[g.Name] = g.State
			}
			want := map[string]string{"billing": "unknown", "belfry-unread": "failed", "belfry-router-orders": "unknown"}
			if !maps.Equal(states, want) {
				t.Errorf("got states %v, want %v", states, want)
			}
			shown := map[string]string{}
			for _, n := range got.Topology.Nodes {
				if n.Kind == "group" {
					shown[n.Name] = n.State
				}
			}
			delete(want, "billing") // of others
			if !maps.Equal(shown, want) {
				t.Errorf("the topology shows groups %v, want %v", shown, want)
			}
		})
	}
}

// TestOverviewIsBounded has many groups of others, and one with many partitions.
func TestOverviewIsBounded(t *testing.T) {
	a, f := opsAPI(t)
	var groups []lag.Group
	for i := range 3 * ops.MaxOverviewGroups {
		groups = append(groups, lag.Group{Name: fmt.Sprintf("g-%03d", i), State: "Stable"})
	}
	groups[7].State = "Empty"
	for i := range 3 * ops.MaxOverviewPartitions {
		groups[7].Partitions = append(groups[7].Partitions, lag.Partition{Topic: "t", Partition: int32(i), Lag: int64(i)})
	}
	f.Set(func() { f.Collected, f.Working = lag.NewReport(time.Now(), groups), nil })
	got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200))
	if len(got.Groups) != ops.MaxOverviewGroups || got.GroupsOmitted != 2*ops.MaxOverviewGroups {
		t.Fatalf("got %d groups, %d omitted", len(got.Groups), got.GroupsOmitted)
	}
	first := got.Groups[0]
	if first.Name != "g-007" || len(first.Partitions) != ops.MaxOverviewPartitions || first.PartitionCount != 3*ops.MaxOverviewPartitions || first.Partitions[0].Lag != int64(3*ops.MaxOverviewPartitions-1) {
		t.Errorf("got %s with %d of %d partitions, first %+v; want the stopped one with the highest lag", first.Name, len(first.Partitions), first.PartitionCount, first.Partitions[0])
	}
	if f.Collected.Groups[7].Partitions[0].Lag != 0 {
		t.Error("the shared report was modified")
	}
}

// TestOverviewWithoutAnInstallation has a server that knows of nothing but
// itself.
func TestOverviewWithoutAnInstallation(t *testing.T) {
	a, _ := opsAPI(t, func(c *server.Config) { c.Operations = ops.Config{} })
	got := servertest.Into[ops.OverviewBody](a.get("/v1/ops/overview").Want(200))
	if got.Lag.Up || got.Lag.Error == "" || got.Groups == nil || got.Views == nil || got.Topology.Nodes == nil {
		t.Errorf("got %+v", got)
	}
	for _, path := range []string{"/v1/lag", "/v1/ops/dead-letters", "/v1/ops/dead-letters/0/1", "/v1/ops/users/user-7/journal"} {
		a.get(path).WantProblem(http.StatusServiceUnavailable, "")
	}
	a.call("POST", "/v1/ops/dead-letters/replay", `{"letters":[{"partition":0,"offset":1}]}`).WantProblem(http.StatusServiceUnavailable, "")
}
