package engine_test

import (
	"strings"
	"testing"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
)

func TestRecoveryPercent(t *testing.T) {
	for _, tt := range []struct {
		r    engine.Recovery
		want float64
	}{
		{engine.Recovery{}, 100},
		{engine.Recovery{Total: 4}, 0},
		{engine.Recovery{Done: 1, Total: 4}, 25},
		{engine.Recovery{Done: 4, Total: 4}, 100},
		{engine.Recovery{Done: 5, Total: 4}, 100},
	} {
		if got := tt.r.Percent(); got != tt.want {
			t.Errorf("got %v for %+v, want %v", got, tt.r, tt.want)
		}
	}
}

// wantRecovery checks a status while half of a table of two rows is read.
func wantRecovery(t *testing.T, s engine.Status) {
	t.Helper()
	if s.Phase != engine.Recovering || s.Recovery == nil {
		t.Fatalf("got %s with recovery %v, want it to recover", s, s.Recovery)
	}
	if got := *s.Recovery; got.Done != 1 || got.Total != 2 || got.Left <= 0 {
		t.Errorf("got %+v, want 1 of 2 and the time for the other", got)
	}
	if !strings.Contains(s.String(), "recovering since") || !strings.Contains(s.String(), ", 50%") {
		t.Errorf("got %q, want it to tell the progress", s)
	}
}

func TestViewTellsItsRecovery(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "rows")
	// Each is a fetch of its own: what a view asks for at once is 1 MiB.
	large := strings.Repeat("x", 900<<10)
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", large))
	enginetest.Produce(t, cfg, enginetest.Text("rows", "b", large))
	second, goOn := make(chan struct{}), make(chan struct{})
	v := table.NewView(cfg, table.Definition{Topic: "rows", Accepted: func(key string) {
		if key == "b" {
			close(second)
			<-goOn
		}
	}})
	stop := enginetest.Run(t, v.Run)
	<-second
	wantRecovery(t, v.Status())
	close(goOn)
	enginetest.AwaitPhase(t, v, engine.Running)
	if r := v.Status().Recovery; r != nil {
		t.Errorf("got recovery %+v of a view that runs", *r)
	}
	stop()
}

func TestProcessorTellsItsRecovery(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "group-table")
	enginetest.Produce(t, cfg, enginetest.Text("group-table", "a", "1"), enginetest.Text("group-table", "b", "1"))
	second, goOn := make(chan struct{}), make(chan struct{})
	g := engine.Group{
		Graph: goka.DefineGroup("group", goka.Input("in", engine.Bytes{}, engine.Callback(func(*engine.Context, []byte) {})), goka.Persist(engine.Bytes{})),
		Options: []goka.ProcessorOption{goka.WithUpdateCallback(func(ctx goka.UpdateContext, s storage.Storage, key string, value []byte) error {
			if key == "b" {
				close(second)
				<-goOn
			}
			return goka.DefaultUpdate(ctx, s, key, value)
		})},
	}
	p := engine.NewProcessor(cfg, g)
	enginetest.Run(t, p.Run)
	<-second
	wantRecovery(t, p.Status())
	close(goOn)
	enginetest.AwaitPhase(t, p, engine.Running)
}
