package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// measured runs a benchmark with processes of its own on an embedded broker,
// which takes their place of a real one, and returns what it printed. It must
// leave nothing behind.
func measured(t *testing.T, code int, args ...string) string {
	t.Helper()
	parts.Need(t, "lab")
	if testing.Short() {
		t.Skip("builds and starts processes")
	}
	t.Parallel() // most of it is waiting
	return measuredOn(t, kafkatest.Embedded(t), code, args...)
}

// measuredOn does so on those brokers.
func measuredOn(t *testing.T, brokers []string, code int, args ...string) string {
	t.Helper()
	binary, dir := buildLab(t), t.TempDir()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, append([]string{"bench"}, append(args, "--brokers", brokers[0], "--prefix", "acme", "--belfry", buildBelfry(t))...)...)
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Env = append(os.Environ(), "TMPDIR="+dir)
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != code && code >= 0 {
		t.Errorf("ended with %d, want %d", got, code)
	}
	t.Logf("%s%s", &stdout, &stderr)
	wantNoTopics(t, brokers, func(name string) bool { return strings.HasPrefix(name, "acme") })
	wantEmpty(t, dir)
	return stdout.String()
}

// wantNoTopics waits until the brokers have no topic like those: what the
// controller has deleted, a broker lists until it has read of that.
func wantNoTopics(t *testing.T, brokers []string, those func(name string) bool) {
	t.Helper()
	admin := kafkatest.Admin(t, brokers)
	var left []string
	await.Eventually(t, 30*time.Second, func() string { return fmt.Sprintf("topics %q are left behind", left) }, func() bool {
		topics, err := admin.ListTopics()
		if err != nil {
			t.Fatal(err)
		}
		left = left[:0]
		for name := range topics {
			if those(name) {
				left = append(left, name)
			}
		}
		return len(left) == 0
	})
}

// buildPeer builds the plain goka program.
func buildPeer(t *testing.T) string {
	t.Helper()
	parts.Need(t, "lab") // before it is built in vain
	return buildtest.Program(t, "internal/plaingoka")
}

func wantLines(t *testing.T, got string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(`(?m)^` + p + `$`).MatchString(got) {
			t.Errorf("no line %q", p)
		}
	}
	if strings.Contains(got, "NaN") {
		t.Error("NaN is printed")
	}
}

func TestBenchGap(t *testing.T) {
	got := measured(t, cli.ExitOK, "gap", "--rounds", "1", "--rate", "400", "--users", "60", "--partitions", "2", "--settle", "1s")
	const seconds = `\d+\.\d\d`
	wantLines(t, got,
		`gap: go.*`,
		`brokers of --brokers; 400 events/s, 60 users, 2 partitions`,
		`round 1, belfry, none: `+seconds+` s \(unread `+seconds+`, inbox `+seconds+`, load `+seconds+`\)`,
		`round 1, belfry, join: .*`, `round 1, belfry, SIGTERM: .*`, `round 1, belfry, SIGKILL: .*`,
		`median of 1, belfry; none `+seconds+` s; join `+seconds+` s; SIGTERM `+seconds+` s; SIGKILL `+seconds+` s`)
}

func TestBenchLosses(t *testing.T) {
	got := measured(t, cli.ExitOK, "losses", "--rate", "300", "--duration", "4s", "--kills", "1", "--users", "100", "--partitions", "2", "--peer", buildPeer(t))
	wantLines(t, got,
		`losses: go.*`,
		`brokers of --brokers; 300 events/s for 4s, 100 users, 2 partitions, 1 SIGKILLs`,
		// Nothing lost, doubled, miscounted, in one table only or unprocessed.
		`belfry +1200 +1200 +0 +0 +1200 +0 +0 +0 +0 +0 +\d+\.\d s +0`,
		`plaingoka --fold belfry +1200 .*`,
		`plaingoka --fold plain +1200 .*`)
}

func TestBenchRestart(t *testing.T) {
	got := measured(t, cli.ExitOK, "restart", "--events", "600", "--users", "200", "--rounds", "2", "--rate", "100", "--partitions", "2", "--starts", "cold,killed,server-cold,server-killed")
	const line = `: \d+\.\d\d s, \d+\.\d\d s, median \d+\.\d\d s, [1-9]\d* MiB resident`
	wantLines(t, got,
		`brokers of --brokers; 600 events, 200 users, 2 partitions`,
		`belfry, processor, empty state`+line,
		`belfry, processor, after SIGKILL`+line+`, first row written after \d+\.\d\d s`,
		`belfry, server, empty state`+line,
		`belfry, server, after SIGKILL`+line)
}

func TestBenchSoak(t *testing.T) {
	out := t.TempDir()
	// So soon after the start anything may grow: either verdict will do.
	got := measured(t, -1, "soak", "--rate", "100", "--duration", "3s", "--every", "200ms", "--users", "50", "--partitions", "2", "--streams", "2", "--pollers", "2", "--out", out)
	wantLines(t, got,
		`brokers of --brokers; 100 events/s for 3s, 50 users, 2 partitions, 2 streams, 2 pollers`,
		`300 events sent, [1-9]\d* items out of streams, [1-9]\d* polls, 0 clients refused or cut off`,
		`processor 1 +goroutines +mean [1-9]\d*\.\d +[+-]\d+\.\d % +(flat|grows)`,
		`server +memory MiB +mean [1-9]\d*\.\d +[+-]\d+\.\d % +(flat|grows)`)
	csv, err := os.ReadFile(filepath.Join(out, "soak.csv"))
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, string(csv), `seconds,process,.*`, `\d+,processor 2,.*`, `\d+,server,.*`)
	svg, err := os.Open(filepath.Join(out, "soak.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer svg.Close()
	for d := xml.NewDecoder(svg); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestBenchLatencyOfProcesses(t *testing.T) {
	const delays = `p50 \d+\.\d ms, p90 \d+\.\d ms, p99 \d+\.\d ms, max \d+\.\d ms \(100\)`
	t.Run("stream", func(t *testing.T) {
		got := measured(t, cli.ExitOK, "latency", "--duration", "2s", "--rate", "100", "--users", "5", "--partitions", "2")
		wantLines(t, got, `brokers of --brokers; 100 events/s for 2s, 5 users with a stream each, 2 partitions, from notifications`, `event to stream: `+delays)
	})
	t.Run("table, and a peer", func(t *testing.T) {
		got := measured(t, cli.ExitOK, "latency", "--duration", "2s", "--rate", "100", "--users", "5", "--partitions", "2", "--from", "journal", "--to", "table", "--peer", buildPeer(t))
		wantLines(t, got, `brokers of --brokers; 100 events/s for 2s, 5 users, 2 partitions, from journal`, `event to inbox table: `+delays, `plaingoka: event to inbox table: `+delays)
	})
}

func testLatencyToTable(t *testing.T) {
	r := call(t, "bench", "latency", "--duration", "2s", "--rate", "50", "--users", "5", "--partitions", "3", "--from", "journal", "--to", "table")
	r.WantOutput(t, "embedded broker in this process; 50 events/s for 2s, 5 users, 3 partitions, from journal\n", "event to inbox table: p50", "(50)\n")
}

func TestBenchOfProcessesRefuses(t *testing.T) {
	const brokers = "--brokers=127.0.0.1:9092"
	text := programtest.WriteFile(t, "text", "no program")
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"gap without brokers":     {[]string{"gap"}, []string{"--brokers", "required"}},
		"losses without brokers":  {[]string{"losses"}, []string{"--brokers", "required"}},
		"restart without brokers": {[]string{"restart"}, []string{"--brokers", "required"}},
		"soak without brokers":    {[]string{"soak"}, []string{"--brokers", "required"}},
		"no rounds":               {[]string{"gap", brokers, "--rounds", "0"}, []string{"--rounds", "at least 1"}},
		"settle":                  {[]string{"gap", brokers, "--settle", "0s"}, []string{"--settle", "at least 1s"}},
		"gap without load":        {[]string{"gap", brokers, "--rate", "0"}, []string{"--rate", "at least 1"}},
		"long prefix":             {[]string{"gap", brokers, "--prefix", strings.Repeat("x", 70)}, []string{"--prefix", "100"}},
		"no such peer":            {[]string{"gap", brokers, "--peer", text + "s"}, []string{"--peer", "go build"}},
		"peer no program":         {[]string{"losses", brokers, "--peer", text}, []string{"--peer", "is not a program"}},
		"peer on embedded":        {[]string{"latency", "--peer", text}, []string{"--peer", "--brokers"}},
		"peer without router":     {[]string{"latency", brokers, "--peer", text}, []string{"--peer", "--from journal --to table"}},
		"from elsewhere":          {[]string{"latency", "--from", "items"}, []string{"--from", "notifications or journal"}},
		"to elsewhere":            {[]string{"latency", "--to", "disk"}, []string{"--to", "stream or table"}},
		"kills":                   {[]string{"losses", brokers, "--kills", "-1"}, []string{"--kills", "at least 0"}},
		"short losses":            {[]string{"losses", brokers, "--duration", "0s"}, []string{"--duration", "at least 1s"}},
		"full inboxes":            {[]string{"losses", brokers, "--users", "1000"}, []string{"--users", "320 events each", "100"}},
		"no events":               {[]string{"restart", brokers, "--events", "0"}, []string{"--events", "at least 1"}},
		"other start":             {[]string{"restart", brokers, "--starts", "cold,warm"}, []string{"--starts", `"warm"`}},
		"no start":                {[]string{"restart", brokers, "--starts", ""}, []string{"--starts", "at least one"}},
		"often":                   {[]string{"soak", brokers, "--every", "1ms"}, []string{"--every", "at least 100ms"}},
		"short soak":              {[]string{"soak", brokers, "--duration", "20s"}, []string{"--duration", "three times"}},
		"no folder":               {[]string{"soak", brokers, "--out", text}, []string{"--out", "not a folder"}},
		"no streams":              {[]string{"soak", brokers, "--streams", "-1"}, []string{"--streams", "at least 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, append([]string{"bench"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want...)
		})
	}
}

func testWithoutBrokers(t *testing.T) {
	call(t, "bench", "gap", "--brokers", parts.FreeAddr(t)).WantError(t, cli.ExitFailure, "--brokers", "refused")
}

func TestBenchCatchUp(t *testing.T) {
	parts.Need(t, "lab")
	belfry := buildtest.Program(t, "cmd/belfry")
	got := measured(t, cli.ExitOK, "catchup", "--events", "5000", "--users", "100", "--partitions", "2", "--rounds", "1", "--before", belfry)
	wantLines(t, got,
		`brokers of --brokers; 5000 events in the journal, 100 users, 2 partitions`,
		` +1  belfry +\d+ +\d+\.\d +\d+ +\d+\.\d +\d+`,
		` +1  before +\d+ +\d+\.\d +\d+ +\d+\.\d +\d+`,
		`median of 1, belfry: steady \d+/s, \d+\.\d CPU-s a million; total [1-9]\d*/s, \d+\.\d; peak [1-9]\d* MiB`,
		`median of 1, before: steady .*`)
}

func TestBenchScale(t *testing.T) {
	out := t.TempDir()
	got := measured(t, cli.ExitOK, "scale", "--events", "20000", "--users", "200", "--partitions", "4", "--processors", "2", "--every", "2s", "--out", out)
	wantLines(t, got,
		`brokers of --brokers; 20000 events in the journal, 200 users, 4 partitions, 1 to 2 processors, one more each 2s`,
		` +\d+ +1 +\d+ +\d+ +\d+ +\d+\.\d  4`, // one has all
		` +\d+ +2 +\d+ +\d+ +\d+ +\d+\.\d  2 2`,
		`longest standstill of a partition with a backlog; with 1 \d+\.\d s; with 2 \d+\.\d s`,
		`20000 events processed in \d+\.\d s, 0 left; processes ended by themselves 0 times`)
	if svg, err := os.ReadFile(filepath.Join(out, "scale.svg")); err != nil || xml.Unmarshal(svg, new(any)) != nil {
		t.Errorf("the plot: %v", err)
	}
}
