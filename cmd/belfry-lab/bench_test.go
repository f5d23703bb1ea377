package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// temporaries sends temporary folders to one of the test and returns it.
func temporaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return dir
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestBenches run side by side, since they wait, and leave nothing behind.
func TestBenches(t *testing.T) {
	dir := temporaries(t)
	t.Run("all", func(t *testing.T) { // ends with the last of them
		for name, bench := range map[string]func(*testing.T){
			"throughput": testThroughput, "throughput on other brokers": testThroughputOnOtherBrokers,
			"latency": testLatency, "latency to a table": testLatencyToTable, "no brokers": testWithoutBrokers,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				bench(t)
			})
		}
	})
	wantEmpty(t, dir)
}

func testThroughput(t *testing.T) {
	r := call(t, "bench", "throughput", "--events", "2000", "--users", "50", "--partitions", "3")
	r.WantOutput(t, "throughput: go", "GOMAXPROCS", "embedded broker in this process; 2000 events, 50 users, 3 partitions\n")
	if strings.Contains(r.Stdout, "NaN") || strings.Contains(r.Stdout, "belfry belfry") ||
		!regexp.MustCompile(`in both tables after \d+\.\d\d s: [1-9]\d* events/s; \d+\.\d CPU-s per million events\n$`).MatchString(r.Stdout) {
		t.Errorf("printed %s", r.Stdout)
	}
}

func testThroughputOnOtherBrokers(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	r := call(t, "bench", "throughput", "--events", "500", "--users", "50", "--partitions", "2", "--prefix", "acme", "--brokers", brokers[0])
	r.WantOutput(t, "brokers of --brokers; 500 events", "in both tables after")
	topics, err := kafkatest.Admin(t, brokers).ListTopics()
	if err != nil || len(topics) != 6 {
		t.Errorf("%d topics, %v, want 6", len(topics), err)
	}
	for name := range topics {
		if !strings.HasPrefix(name, "acme-bench-") {
			t.Errorf("topic %s is none of the benchmark's", name)
		}
	}
}

func testLatency(t *testing.T) {
	r := call(t, "bench", "latency", "--duration", "2s", "--rate", "50", "--users", "5", "--partitions", "3")
	r.WantOutput(t, "latency: go", "embedded broker in this process; 50 events/s for 2s, 5 users with a stream each, 3 partitions, from notifications\n")
	// 100 were sent, those of the first second don't count.
	if !regexp.MustCompile(`event to stream: p50 \d+\.\d ms, p90 \d+\.\d ms, p99 \d+\.\d ms, max \d+\.\d ms \(50\)\n$`).MatchString(r.Stdout) {
		t.Errorf("printed %s", r.Stdout)
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"few events":        {[]string{"throughput", "--events", "99"}, []string{"--events", "at least 100, is 99"}},
		"no users":          {[]string{"throughput", "--users", "0"}, []string{"--users", "at least 1"}},
		"two mistakes":      {[]string{"throughput", "--users", "0", "--events", "1"}, []string{"--users", "--events"}},
		"no partitions":     {[]string{"latency", "--partitions", "0"}, []string{"--partitions", "at least 1"}},
		"many partitions":   {[]string{"latency", "--partitions", "10001"}, []string{"--partitions", "at most 10000"}},
		"no rate":           {[]string{"latency", "--rate", "0"}, []string{"--rate", "at least 1"}},
		"short":             {[]string{"latency", "--duration", "1s"}, []string{"--duration", "at least 2s, is 1s"}},
		"prefix":            {[]string{"latency", "--prefix", "a/b"}, []string{"--prefix"}},
		"long prefix":       {[]string{"throughput", "--prefix", strings.Repeat("x", 90)}, []string{"--prefix", "100"}},
		"brokers":           {[]string{"throughput", "--brokers", "kafka"}, []string{"--brokers", `"kafka"`}},
		"other benchmark":   {[]string{"thruput"}, []string{`"thruput"`}},
		"flag of the other": {[]string{"latency", "--events", "1000"}, []string{"--events"}},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, append([]string{"bench"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want...)
		})
	}
	call(t, "bench", "throughput", "--brokers", parts.FreeAddr(t)).WantError(t, cli.ExitFailure, "--brokers", "refused")
}

func TestBenchWithoutATemporaryFolder(t *testing.T) {
	file := programtest.WriteFile(t, "file", "")
	t.Setenv("TMPDIR", file)
	call(t, "bench", "throughput").WantFailure(t, "make a folder", file)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
