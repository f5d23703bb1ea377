package main

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// TestRowsThatTheFormerReleaseDoesNotKnow has a user's row take what this program knows
// and the one before it did not, and goes back to that: it refuses the user's row, and
// serves all others; this one goes on where it was. The program from before ways to reach
// a user is built only where BELFRY_TEST_FORMERS is set.
func TestRowsThatTheFormerReleaseDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, added string // a file that the former program has not
		use         func(t *testing.T, url string)
		used        func(t *testing.T, brokers []string) bool
		refusal     string
	}{
		{
			name: "time", added: "timers/queue.go", refusal: "format 2, this belfry reads up to 1: upgrade it",
			use: func(t *testing.T, url string) {
				later := `{"recipient":"kim","id":"later","title":"later","deliver_at":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
				if status := callAPI(t, http.MethodPost, url+"/v1/notifications", "", later, nil); status != http.StatusAccepted {
					t.Fatalf("POST %s: %d", later, status)
				}
			},
			used: func(t *testing.T, brokers []string) bool {
				for _, i := range inspectJSON(t, brokers, "kim").Items {
					if i.State == "hidden" {
						return true
					}
				}
				return false
			},
		},
		{
			name: "reach", added: "reach/due.go", refusal: "uses capabilities 0x2, this belfry knows 0x1: run the belfry that wrote it",
			use: func(t *testing.T, url string) {
				if status := callAPI(t, http.MethodPut, userURL(url, "kim", "addresses/text"), "", `{"address":"@kim"}`, nil); status != http.StatusCreated {
					t.Fatalf("address: %d", status)
				}
			},
			used: func(t *testing.T, brokers []string) bool {
				r := inspectJSON(t, brokers, "kim").Reach
				return r != nil && len(r.Endpoints) == 1
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "reach" && os.Getenv("BELFRY_TEST_FORMERS") == "" {
				t.Skip("builds another program of before; BELFRY_TEST_FORMERS=1 runs it")
			}
			former := buildtest.FormerBefore(t, tt.added, "cmd/belfry")
			brokers := kafkatest.Embedded(t)
			makeTopics(t, brokers)
			args := []string{"run", "--brokers", brokers[0], "--partitions", "3", "--auth", "none", "--state-dir", t.TempDir()}
			run := func(name, binary string) *programtest.Process {
				addr := parts.FreeAddr(t)
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
			tt.use(t, now.URL)
			awaitBadge(t, now.URL, "", "kim", func(b badge) bool { return b.Unread == 1 && b.Version > 0 })
			awaitBadge(t, now.URL, "", "lee", hasUnread(1))
			await.Eventually(t, programtest.Patience, func() string { return "its row is as before" }, func() bool { return tt.used(t, brokers) })
			now.Signal(syscall.SIGTERM)
			now.AwaitExit(cli.ExitOK)

			before := run("the former program", former)
			awaitBadge(t, before.URL, "", "lee", hasUnread(1))
			if status := callAPI(t, http.MethodGet, userURL(before.URL, "kim", "unread"), "", "", nil); status < 500 {
				t.Errorf("the former program answers %d for a row that it does not know", status)
			}
			post(before, `{"recipient":"kim","id":"b","title":"b"}`)
			await.Eventually(t, programtest.Patience, func() string { return "the former program does not refuse: " + before.Stderr.String() }, func() bool {
				return strings.Contains(before.Stderr.String(), tt.refusal)
			})
			before.Signal(syscall.SIGTERM)
			before.AwaitExit(cli.ExitOK)

			again := run("this program again", buildBinary(t))
			awaitBadge(t, again.URL, "", "kim", hasUnread(2))
		})
	}
}
