package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/channels"
	"github.com/belfry/belfry/server/ops"
)

// A file that changes is in force, one that is wrong is told and leaves the former there.
func TestChannelsAreReloaded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "channels.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("channels: {one: {kind: text, tell: [{if_unseen_after: 5m}]}}")
	cfg, err := LoadWatched(path, func() (*reach.Policy, error) { return channels.Load(path) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[reach.Policy]
	log := &programtest.Tail{}
	w := newChannelsWatch(*cfg, now.Store, slog.New(slog.NewTextHandler(log, nil)))
	w.poll = 10 * time.Millisecond
	await.Running(t, w.Run)
	comes := func(what string, ok func() bool) {
		t.Helper()
		await.Eventually(t, await.Patience, func() string { return what + ": " + log.String() }, ok)
	}
	named := func(name string) func() bool {
		return func() bool { _, ok := now.Load().Channel(name); return ok }
	}
	comes("at start", named("one"))
	write("channels: {two: {kind: text, tell: [{if_unseen_after: 5m}]}}")
	comes("changed", named("two"))
	write("channels: {three: {kind: sms}}")
	comes("a wrong one", func() bool {
		return strings.Contains(log.String(), "channels not reloaded, the former ones stay") && strings.Contains(log.String(), "must be webpush, mail or text")
	})
	if !named("two")() {
		t.Error("the former channels are gone")
	}
}

func TestChannelsOfMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := promauto.With(registry)
	counter := func(name string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: "x"}, labels)
	}
	counter("belfry_outbound_dispatched_total", "channel").WithLabelValues("browser").Add(9)
	ended := counter("belfry_outbound_decisions_total", "channel", "result")
	for i, result := range []string{"sent", "late", "no-endpoint", "failed", "dead-letter", "nothing"} {
		ended.WithLabelValues("browser", result).Add(float64(i + 1))
	}
	counter("belfry_outbound_endpoints_gone_total", "channel").WithLabelValues("browser").Add(4)
	counter("belfry_bounces_total", "channel", "kind").WithLabelValues("browser", "soft").Add(7)
	counter("belfry_unsubscribed_total", "channel").WithLabelValues("browser").Add(8)
	answers := counter("belfry_outbound_answers_total", "channel", "service", "answer")
	for _, service := range []string{"one", "two"} {
		for i, answer := range []string{"accepted", "unanswered", "gone", "rejected", "unreachable"} {
			answers.WithLabelValues("browser", service, answer).Add(float64(i + 1))
		}
	}
	pending := f.NewGaugeVec(prometheus.GaugeOpts{Name: "belfry_outbound_pending", Help: "x"}, []string{"channel", "hold"})
	pending.WithLabelValues("browser", "digest").Set(3)
	pending.WithLabelValues("browser", "quiet").Set(0)
	pending.WithLabelValues("", "delay").Set(3)
	f.NewHistogramVec(prometheus.HistogramOpts{Name: "belfry_outbound_answer_seconds", Help: "x"}, []string{"channel"}).WithLabelValues("other").Observe(1)
	counter("belfry_outbound_tells_total", "channel").WithLabelValues("chat").Add(4)
	counter("other_total", "channel").WithLabelValues("elsewhere").Add(4)
	families, err := registry.Gather()
	type by = map[string]int64
	want := []ops.Channel{{
		Name: "browser", Dispatched: 9, Held: by{"digest": 3}, Sent: 1, Returned: by{"late": 2, "no-endpoint": 3, "failed": 4},
		Suppressed: by{"nothing left": 6, "gone": 4, "soft": 7, "unsubscribed": 8}, Failed: by{"dead-letter": 5, "rejected": 8, "unreachable": 10},
	}, {Name: "chat", Held: by{}, Returned: by{}, Suppressed: by{}, Failed: by{}}}
	if got := channelsOf(families); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}
