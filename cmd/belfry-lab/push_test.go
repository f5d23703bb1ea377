package main

import (
	"runtime"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

func linuxOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
}

func TestBenchPoll(t *testing.T) {
	linuxOnly(t)
	got := measured(t, cli.ExitOK, "poll", "--tables", "120x3,5x0", "--rounds", "2", "--duration", "200ms", "--connections", "4", "--batches", "20", "--partitions", "2")
	const polls = `\d+ polls/s, \d+\.\d CPU-us each, p50 \d+ us, p99 \d+ us`
	wantLines(t, got,
		`poll: go.*`,
		`brokers of --brokers; 4 connections, 2 rounds of 200ms`,
		`120 users, 3 items each, rows of \d+ bytes`,
		`  belfry: `+polls+`; \d+ % of plain \(rounds: \d+, \d+\)`,
		`  belfry, checking each token: `+polls+`; .*`,
		`  plain, checking by hand: `+polls+`; .*`,
		`  plain: `+polls,
		`  belfry, 100 badges in one call: \d+\.\d\d CPU-ms each, p50 .* \(20\)`,
		`5 users, 0 items each, rows of \d+ bytes`)
	if n := strings.Count(got, "badges in one call"); n != 1 {
		t.Errorf("%d tables had calls for 100 badges, want the one of 100 users", n)
	}
}

func TestBenchStream(t *testing.T) {
	linuxOnly(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"HTTP/1.1": {nil, "HTTP/1.1"},
		"HTTP/2":   {[]string{"--http2"}, "HTTP/2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := measured(t, cli.ExitOK, append([]string{"stream", "--steps", "5,20", "--connections", "20", "--rates", "50,100", "--duration", "1s",
				"--hot", "10", "--hot-rate", "20", "--notice", "--settle", "0s", "--idle", "100ms", "--partitions", "2"}, tt.args...)...)
			const delays = `p50 \d+\.\d\d ms, p99 \d+\.\d\d ms, max \d+\.\d\d ms`
			lines := []string{`stream: go.*`, `brokers of --brokers; 2 partitions, ` + tt.want}
			for _, server := range []string{"belfry", "plain"} {
				r := `round 1, ` + server + `: `
				lines = append(lines,
					r+`\d+\.\d MiB before any stream`,
					r+`5 streams: .*`,
					r+`20 streams: -?\d+\.\d\d KiB resident each; the last 15 opened at \d+/s, \d+ CPU-us each`,
					r+`20 idle streams over 100ms: \d+\.\d\d % of a processor`,
					r+`50 events/s to 20 streams: `+delays+` \(51\)`,
					r+`50 events/s to 20 streams, 20 events/s to 10 streams of one user: `+delays+` \(51\)`,
					r+`  the one user's: `+delays+` \(210\)`,
					r+`100 events/s to 20 streams: `+delays+` \(101\)`,
					r+`  101 events, 0 streams without their last; due to acknowledged `+delays+` \(101\); \d+ CPU-us an event`)
			}
			lines = append(lines,
				`round 1, belfry: a notice to 20 streams beside 50 events/s: told `+delays+` \(20\), 0 not at all`,
				`round 1, belfry:   direct events within 2s of it: .*; 0 streams without their last`)
			wantLines(t, got, lines...)
			if strings.Contains(got, "ended before") {
				t.Error("streams ended")
			}
		})
	}
}

// Without brokers they bring one of their own, and take it away again.
func TestBenchPollOnAnEmbeddedBroker(t *testing.T) {
	linuxOnly(t)
	if testing.Short() {
		t.Skip("builds and starts processes")
	}
	parts.Need(t, "lab")
	binary, dir := buildLab(t), temporaries(t)
	got := programtest.Run(t, binary, "bench", "poll", "--belfry", buildBelfry(t), "--tables", "3x1", "--rounds", "1", "--duration", "100ms", "--connections", "2")
	wantLines(t, got, `embedded broker in a process of its own; 2 connections, 1 rounds of 100ms`, `  plain: .*`)
	wantEmpty(t, dir)
}

func TestBenchPushRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"poll, no connections":      {[]string{"poll", "--connections", "0"}, []string{"--connections", "at least 1"}},
		"poll, no rounds":           {[]string{"poll", "--rounds", "0"}, []string{"--rounds", "at least 1"}},
		"poll, short":               {[]string{"poll", "--duration", "1ms"}, []string{"--duration", "at least 100ms"}},
		"poll, no table":            {[]string{"poll", "--tables", ""}, []string{"--tables", "at least one"}},
		"poll, odd table":           {[]string{"poll", "--tables", "10"}, []string{"--tables", `"10"`, "1000x10"}},
		"poll, large inboxes":       {[]string{"poll", "--tables", "10x1001"}, []string{"--tables", "1000 items"}},
		"poll, prefix":              {[]string{"poll", "--prefix", strings.Repeat("x", 70)}, []string{"--prefix", "100"}},
		"stream, falling steps":     {[]string{"stream", "--steps", "20,10", "--connections", "10"}, []string{"--steps", "rise"}},
		"stream, no steps":          {[]string{"stream", "--steps", ""}, []string{"--steps"}},
		"stream, other connections": {[]string{"stream", "--steps", "10,20", "--connections", "15"}, []string{"--connections", "one of --steps"}},
		"stream, no rate":           {[]string{"stream", "--rates", "0"}, []string{"--rates", "at least 1"}},
		"stream, short":             {[]string{"stream", "--duration", "10ms"}, []string{"--duration", "at least 1s"}},
		"stream, too many":          {[]string{"stream", "--steps", "2000000000", "--connections", "2000000000", "--hot", "20"}, []string{"--connections", "ulimit -n"}},
		"plain, no brokers":         {[]string{"plain"}, []string{"--brokers", "required"}},
		"plain, no secret":          {[]string{"plain", "--brokers", "127.0.0.1:1", "--jwt-secret-file", "none"}, []string{"--jwt-secret-file"}},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, append([]string{"bench"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want...)
		})
	}
}

func TestBenchLag(t *testing.T) {
	linuxOnly(t)
	got := measured(t, cli.ExitOK, "lag", "--lag-scene-groups", "20", "--lag-scene-partitions", "5", "--scrapes", "2", "--partitions", "2")
	wantLines(t, got,
		`lag: go.*`,
		`brokers of --brokers`,
		`20 groups, 5 partitions each: collected with \d+ requests in \d+\.\d\d s`,
		`  \d+ series, \d+\.\d MiB, \d+\.\d MiB on the wire; scraped in \d+\.\d ms, at most \d+\.\d ms \(2\)`,
		`  \d+\.\d MiB resident at most; a process that watches its own groups has \d+\.\d MiB`)
}
