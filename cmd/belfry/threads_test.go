package main

import (
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// TestServersHaveThreadsToSpare holds that a server runs more goroutines at a time than a
// processor, which leaves that to Go.
func TestServersHaveThreadsToSpare(t *testing.T) {
	t.Parallel()
	binary := buildBinary(t)
	brokers := kafkatest.Embedded(t)
	programtest.Run(t, binary, "topics", "--brokers", brokers[0], "--partitions", "3")
	threads := func(command string, more ...string) int {
		metrics := parts.FreeAddr(t)
		p := programtest.Start(t, command, binary, append([]string{command, "--brokers", brokers[0], "--state-dir", filepath.Join(t.TempDir(), "state"), "--metrics-addr", metrics}, more...)...)
		p.URL = "http://" + metrics
		p.AwaitReady()
		var page string
		if status := callAPI(t, http.MethodGet, p.URL+"/metrics", "", "", &page); status != http.StatusOK {
			t.Fatalf("metrics of the %s: %d", command, status)
		}
		m := regexp.MustCompile(`\ngo_sched_gomaxprocs_threads (\d+)`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("the %s does not say how many threads it has:\n%s", command, page)
		}
		n, _ := strconv.Atoi(m[1]) // of digits alone
		return n
	}
	usual := threads("processor")
	want := usual
	if n := runtime.NumCPU(); usual == n {
		want += min(n, 8)
	}
	if got := threads("server", "--addr", parts.FreeAddr(t), "--auth", "none"); got != want {
		t.Errorf("a server has %d threads, want %d", got, want)
	}
}
