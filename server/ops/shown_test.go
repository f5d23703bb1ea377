package ops

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/server/wire"

	"github.com/belfry/belfry/lag"
)

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
		report := lag.NewReport(time.Now(), []lag.Group{{Name: "g", State: tt.kafka}})
		if tt.kafka == "" && tt.phases != nil {
			report = lag.Report{Up: true}
		}
		if got := groupStatuses(report, workers, time.Now()); len(got) != 1 || got[0].State != tt.want {
			t.Errorf("%q with members here %v: got %+v, want %s", tt.kafka, tt.phases, got, tt.want)
		}
	}
}

// A group says what an open transaction keeps from it.
func TestGroupTellsWhatIsHeldBack(t *testing.T) {
	now := time.Now()
	report := lag.NewReport(now, []lag.Group{{Name: "g", State: "Stable", Partitions: []lag.Partition{
		{Topic: "orders", Partition: 3, EndOffset: 12, HeldBack: 5, HeldSince: now.Add(-time.Minute)},
	}}})
	got := groupStatuses(report, nil, now)[0].Waiting
	if want := "orders/3: 5 offsets from 7 on are held back by a transaction that is open for 1m0s"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShownText(t *testing.T) {
	for in, want := range map[string]string{"": "", "안녕": "안녕", "\xff\x00": `"\xff\x00"`} {
		if got := shownText([]byte(in)); got == nil || *got != want {
			t.Errorf("%q: got %v, want %q", in, got, want)
		}
	}
	if got := shownText(nil); got != nil {
		t.Errorf("got %q for null", *got)
	}
}

// A cycle, which is none of ours, must end too.
func TestTopologyOfACycle(t *testing.T) {
	loop := newTopology([]Flow{{Name: "g", Kind: "group", Inputs: []string{"a"}, Outputs: []string{"a"}}}, nil)
	if len(loop.Nodes) != 2 {
		t.Errorf("got %+v for a cycle", loop)
	}
}

func TestOverviewsHaveALimitAndAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOverviews(DefaultEvery, func(time.Time) overview { return overview{} })
		watch := func() string {
			w := httptest.NewRecorder()
			o.serve(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), wire.Lease{Until: time.Now().Add(time.Hour)})
			return w.Body.String()
		}
		o.viewers = maxViewers
		if body := watch(); !strings.Contains(body, `{"reason":"limit"}`) || o.viewers != maxViewers {
			t.Errorf("got %s for one viewer too many", body)
		}
		o.viewers = 0
		go func() {
			time.Sleep(5 * time.Second)
			o.drain()
			o.drain()
		}()
		if body := watch(); !strings.HasSuffix(body, `{"reason":"drain"}`+"\n\n") {
			t.Errorf("got …%s, want bye when the server drains", body[max(0, len(body)-80):])
		}
	})
}
