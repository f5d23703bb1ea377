package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// TestRowsThatTheFormerReleaseDoesNotKnow has a user schedule something with this
// program and goes back to the one before: it refuses that user's row, and serves all
// others; this one goes on where it was.
func TestRowsThatTheFormerReleaseDoesNotKnow(t *testing.T) {
	t.Parallel()
	former := buildtest.FormerBefore(t, "timers/queue.go", "cmd/belfry")
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	args := []string{"run", "--brokers", brokers[0], "--partitions", "3", "--auth", "none", "--state-dir", t.TempDir()}
	run := func(name, binary string) *programtest.Process {
		addr := kafkatest.FreeAddr(t)
		p := programtest.Start(t, name, binary, append(args, "--addr", addr)...)
		p.URL = "http://" + addr
		p.AwaitReady()
		return p
	}
	post := func(p *programtest.Process, body string) {
		t.Helper()
		if status := callAPI(t, http.MethodPost, p.URL+"/v1/notifications", "", body, nil); status != http.StatusAccepted {
			t.Fatalf("POST %s: %d", body, status)
		}
	}
	now := run("this program", buildBinary(t))
	post(now, `[{"recipient":"kim","id":"a","title":"a"},{"recipient":"lee","id":"a","title":"a"}]`)
	post(now, `{"recipient":"kim","id":"later","title":"later","deliver_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	awaitBadge(t, now.URL, "", "kim", func(b badge) bool { return b.Unread == 1 && b.Version > 0 })
	awaitBadge(t, now.URL, "", "lee", hasUnread(1))
	kafkatest.Eventually(t, programtest.Patience, func() string { return "nothing is scheduled" }, func() bool {
		for _, i := range inspectJSON(t, brokers, "kim").Items {
			if i.State == "hidden" {
				return true
			}
		}
		return false
	})
	now.Signal(syscall.SIGTERM)
	now.AwaitExit(cli.ExitOK)

	before := run("the former program", former)
	awaitBadge(t, before.URL, "", "lee", hasUnread(1))
	if status := callAPI(t, http.MethodGet, userURL(before.URL, "kim", "unread"), "", "", nil); status < 500 {
		t.Errorf("the former program answers %d for a row that it does not know", status)
	}
	post(before, `{"recipient":"kim","id":"b","title":"b"}`)
	kafkatest.Eventually(t, programtest.Patience, func() string { return "the former program does not refuse: " + before.Stderr.String() }, func() bool {
		return strings.Contains(before.Stderr.String(), "format 2, this belfry reads up to 1: upgrade it")
	})
	before.Signal(syscall.SIGTERM)
	before.AwaitExit(cli.ExitOK)

	again := run("this program again", buildBinary(t))
	awaitBadge(t, again.URL, "", "kim", hasUnread(2))
}
