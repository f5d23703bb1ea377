package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
)

// TestRollingRestart restarts three processors and two servers, one after the
// other, under load: no acknowledged event is lost, every badge
// is exact at both servers, the load balancer sees servers drain before they
// refuse, and the clients of a server do not come back as one.
func TestRollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka and five processes")
	}
	cluster := kafkatest.Start(t, kafkatest.Config{})
	got := measuredOn(t, cluster.Brokers(), cli.ExitOK, "rollout", "--users", "100", "--rate", "100", "--steady", "1s", "--settle", "1s", "--partitions", "6")
	wantLines(t, got, `[1-9]\d* events acknowledged, 0 lost, \d+ twice, 0 wrong badges, \d+ resyncs; p99 of the worst 5 s \d+\.\d\d s; processes ended by themselves 0 times`)
	if n := strings.Count(regexp.MustCompile(`servers seen as: .*`).FindString(got), "draining"); n != 2 {
		t.Errorf("got %d servers seen draining, want both", n)
	}
	for _, server := range []string{"server-1", "server-2"} {
		m := regexp.MustCompile(`restart ` + server + ` .* (\d+) +(\d+) %`).FindStringSubmatch(got)
		if m == nil {
			t.Errorf("no streams came back from %s", server)
			continue
		}
		came, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		crowded, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		// They are told over 2.4 s to come within 2 s.
		if came < 10 || crowded > 80 {
			t.Errorf("%s: %d streams came back, %d %% of them within a second; want them spread", server, came, crowded)
		}
	}
}
