package node

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

// TestPendingByChannel has those who wait be told by channel and reason, all of them where
// nobody waits, and of no channel those whom a former release has looked up.
func TestPendingByChannel(t *testing.T) {
	m := timerMetrics{
		stats: func() timers.Stats { return timers.Stats{} },
		tells: func() timers.TellStats {
			digest := timers.HoldOf("digest")
			return timers.TellStats{Pending: map[timers.Wait]int{{Hold: digest, Channel: 2}: 3, {Hold: digest}: 1}}
		},
		policy: func() *reach.Policy {
			return &reach.Policy{Channels: []reach.Channel{{Name: "browser"}, {Name: "mail"}}}
		},
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(told(m.tell))
	want := `# HELP belfry_outbound_pending Users of this process's partitions who are to be told of something outside of the inbox, by the channel that comes first, and by what that waits for: delay, digest, quiet, daily cap or returned.
# TYPE belfry_outbound_pending gauge
belfry_outbound_pending{channel="",hold="digest"} 1
`
	for _, channel := range []string{"browser", "mail"} {
		for _, hold := range []string{"daily cap", "delay", "digest", "quiet", "returned"} {
			n := "0"
			if channel == "mail" && hold == "digest" {
				n = "3"
			}
			want += `belfry_outbound_pending{channel="` + channel + `",hold="` + hold + `"} ` + n + "\n"
		}
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "belfry_outbound_pending"); err != nil {
		t.Error(err)
	}
}
