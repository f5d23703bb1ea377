package server

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/lag"
)

var updateLag = flag.Bool("update-lag", false, "write testdata/lag.prom and testdata/lag.json anew")

// lagReport has a running group, one that has stopped, of which one partition
// was never committed, and one that never was.
func lagReport() lag.Report {
	at := func(offset int64) *int64 { return &offset }
	return lag.NewReport(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), []lag.Group{
		{
			Name: "belfry-unread", State: "Stable",
			Protocol: "sticky", Coordinator: 3, CatchUpSeconds: new(2.5),
			Members: []lag.Member{
				{ID: "belfry-1", ClientID: "belfry", Host: "10.0.0.1", Partitions: 2, Topics: map[string]int{"belfry.journal": 2}},
				{ID: "belfry-2", ClientID: "belfry", Host: "10.0.0.2"},
			},
			Partitions: []lag.Partition{
				{Topic: "belfry.journal", Partition: 0, CurrentOffset: at(90), EndOffset: 100, OldestOffset: 10, Lag: 10, LagSeconds: 1.5},
				{Topic: "belfry.journal", Partition: 1, CurrentOffset: at(7), EndOffset: 7},
			},
		},
		{
			Name: "audit", State: "Empty", CatchUpNever: true,
			Partitions: []lag.Partition{
				{Topic: "belfry.items", Partition: 10, CurrentOffset: at(0), EndOffset: 3_000_000_000, Lag: 3_000_000_000, LagSeconds: 86400},
				{Topic: "belfry.journal", Partition: 0, EndOffset: 100, OldestOffset: 10, Lag: 90, LagSeconds: 9},
				{Topic: "belfry.journal", Partition: 1, CurrentOffset: at(5), EndOffset: 7, Lag: 2, LagSeconds: 3},
			},
		},
		{Name: "belfry-inbox", State: "Dead"},
	})
}

func lagPage(r lag.Report) *LagPage {
	p := NewLagPage()
	p.Show(r)
	return p
}

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics/lag", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("got status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wantGolden(t *testing.T, file, got string) {
	t.Helper()
	if *updateLag {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (-update-lag writes it anew); got:\n%s", file, got)
	}
}

func TestLagMetrics(t *testing.T) {
	wantGolden(t, "testdata/lag.prom", scrape(t, lagPage(lagReport())))
}

func TestLagMetricsOfAFailure(t *testing.T) {
	for _, tt := range []struct {
		name   string
		report lag.Report
		want   []string
		lines  int
	}{
		{"before the first collection", lag.Report{}, []string{"belfry_lag_up 0", "belfry_lag_last_success_timestamp_seconds 0"}, 5},
		{
			"later", lagReport().Failed(errors.New("no broker")),
			[]string{"belfry_lag_up 0", "belfry_lag_last_success_timestamp_seconds 1.767323045678e+09", `kafka_consumergroup_lag_sum{consumergroup="audit",topic="belfry.items"} 3000000000`}, 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			for line := range strings.Lines(scrape(t, lagPage(tt.report))) {
				if !strings.HasPrefix(line, "#") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			if tt.lines > 0 && len(lines) != tt.lines {
				t.Errorf("got %d series, want %d: %q", len(lines), tt.lines, lines)
			}
			for _, want := range tt.want {
				if !slices.Contains(lines, want) {
					t.Errorf("no %q in %q", want, lines)
				}
			}
		})
	}
}

// What is gone from the report is gone from the next scrape.
func TestLagMetricsForget(t *testing.T) {
	h := lagPage(lagReport())
	if page := scrape(t, h); !strings.Contains(page, "belfry.items") {
		t.Fatalf("no belfry.items in %s", page)
	}
	h.Show(lag.NewReport(time.Now(), nil))
	if page := scrape(t, h); strings.Contains(page, "kafka_consumergroup") || strings.Contains(page, "kafka_topic") {
		t.Errorf("got series of groups that are gone: %s", page)
	}
}

func TestLagJSON(t *testing.T) {
	a := newAPI(t, func(c *Config) {
		c.Lag = func(context.Context) (any, error) { return lagReport(), nil }
	})
	wantGolden(t, "testdata/lag.json", a.get("/v1/lag").want(http.StatusOK).Body.String())
}
