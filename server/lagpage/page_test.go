package lagpage

import (
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
)

var updateLagPage = flag.Bool("update-lag", false, "write testdata/lag.prom anew")

func lagPage(r lag.Report) *Page {
	p := New()
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

func TestLagMetrics(t *testing.T) {
	servertest.WantGolden(t, "testdata/lag.prom", scrape(t, lagPage(servertest.LagReport())), *updateLagPage)
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
			"later", servertest.LagReport().Failed(errors.New("no broker")),
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

// Series of what left the report are gone from the next scrape.
func TestLagMetricsForget(t *testing.T) {
	h := lagPage(servertest.LagReport())
	if page := scrape(t, h); !strings.Contains(page, "belfry.items") {
		t.Fatalf("no belfry.items in %s", page)
	}
	h.Show(lag.NewReport(time.Now(), nil))
	if page := scrape(t, h); strings.Contains(page, "kafka_consumergroup") || strings.Contains(page, "kafka_topic") {
		t.Errorf("got series of groups that are gone: %s", page)
	}
}
