package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// contents lists a user's inbox; ok says that no content is missing.
func contents(t *testing.T, base, user string) (titles []string, seqs []uint64, ok bool) {
	t.Helper()
	var list struct {
		Items []struct {
			Seq     uint64 `json:"seq"`
			Title   string `json:"title"`
			Pending bool   `json:"pending"`
		} `json:"items"`
	}
	if status := callAPI(t, http.MethodGet, userURL(base, user, "inbox?limit=100"), "", "", &list); status != http.StatusOK {
		return nil, nil, false
	}
	ok = true
	for _, i := range list.Items {
		titles, seqs, ok = append(titles, i.Title), append(seqs, i.Seq), ok && !i.Pending
	}
	return titles, seqs, ok
}

// TestOneHopFromTheFormerRelease takes over an installation whose contents lie in a
// topic, from the program of before: this one refuses to begin, the former one
// that goes on commits nothing, and what its users have stays theirs.
func TestOneHopFromTheFormerRelease(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Start(t, kafkatest.Config{}).Brokers()
	former := buildtest.Former(t, "processors/inbox.go", "cmd/belfry")
	at := []string{"--brokers", brokers[0]}
	programtest.Run(t, former, append([]string{"topics", "--partitions", "3"}, at...)...)
	metrics := parts.FreeAddr(t)
	old := programtest.Start(t, "former", former, append([]string{"processor", "--groups", "router,unread", "--state-dir", t.TempDir(), "--metrics-addr", metrics}, at...)...)
	old.URL = "http://" + metrics
	old.AwaitReady()
	in := &apart{t: t, brokers: brokers, state: t.TempDir()}
	call(t, nil, append([]string{"topics", "--partitions", "3"}, at...)...).WantOutput(t, "created belfry.outbound")
	in.server = serveAll(t, "server", "--brokers", brokers[0], "--addr", "127.0.0.1:0", "--auth", "none", "--state-dir", t.TempDir())

	users := usersApart(t)
	for i := range 4 {
		in.post(fmt.Sprint("before-", i), users...)
	}
	before := map[string]badge{}
	for _, user := range users {
		before[user] = in.await(user, 4)
	}
	topics, err := kafka.OpenTopics(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	committed := func() (all [3]int64) {
		found, err := topics.Committed(t.Context(), "belfry-unread")
		if err != nil {
			t.Fatal(err)
		}
		for p := range all {
			if c, ok := found.Lookup("belfry.journal", int32(p)); ok {
				all[p] = c.At
			}
		}
		return all
	}
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("committed %v", committed()) }, func() bool { return committed() == [3]int64{4, 4, 4} })

	// Nobody has taken the contents to the table.
	args := append([]string{"processor", "--state-dir", in.state, "--metrics-addr", "127.0.0.1:0"}, at...)
	call(t, nil, args...).WantFailureIn(t, "takes writes", fmt.Sprintf("belfry topics --brokers %s --prefix belfry --one-hop", brokers[0]))
	call(t, nil, append([]string{"topics", "--one-hop"}, at...)...).WantOutput(t, "belfry.items takes no writes any more", "took 12 records", "belfry.items is empty")

	// The former processor goes on, and fails.
	in.post("after", users...)
	await.Eventually(t, programtest.Patience, func() string { return "the former processor does not fail: " + old.Stderr.String() }, func() bool {
		return strings.Contains(old.Stderr.String(), "MESSAGE_TOO_LARGE")
	})
	if got := committed(); got != [3]int64{4, 4, 4} {
		t.Errorf("the former processor has committed %v, want what it had before", got)
	}
	old.Signal(syscall.SIGTERM)
	old.AwaitExit(cli.ExitOK)

	in.startProcessor()
	for _, user := range users {
		is := in.await(user, 5)
		if was := before[user]; is.Version != was.Version+1 {
			t.Errorf("%s is at version %d, want the one after %d", user, is.Version, was.Version)
		}
		var titles []string
		var seqs []uint64
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%s lists %v", user, titles) }, func() bool {
			var ok bool
			titles, seqs, ok = contents(t, in.server.url, user)
			return ok && len(titles) == 5
		})
		for i, seq := range seqs {
			if want := uint64(5 - i); seq != want || titles[i] != "t" {
				t.Errorf("%s: item %d is %q of seq %d, want seq %d", user, i, titles[i], seq, want)
			}
		}
	}
	in.processor.wantCleanStop()
	call(t, nil, append([]string{"topics", "--one-hop"}, at...)...).WantOutput(t, "done before")
}

// A command line of before still serves, and says what is of no use in it.
func TestGroupsOfTheFormerRelease(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	p := serveAll(t, "processor", "--brokers", brokers[0], "--groups", "router,unread,inbox", "--state-dir", t.TempDir(), "--metrics-addr", "127.0.0.1:0")
	if !strings.Contains(p.stderr.String(), "does nothing any more") {
		t.Errorf("nothing is said of inbox:\n%s", p.stderr)
	}
	alone := serveAll(t, "processor", "--brokers", brokers[0], "--groups", "inbox", "--state-dir", t.TempDir(), "--metrics-addr", "127.0.0.1:0")
	alone.wantCleanStop()
	call(t, nil, "processor", "--brokers", brokers[0], "--groups", "outbox").WantError(t, cli.ExitUsage, "groups", "router, unread")
	for _, with := range []string{"--new-epoch", "--grow-from=other", "--dry-run"} {
		call(t, nil, "topics", "--brokers", brokers[0], "--one-hop", with).WantError(t, cli.ExitUsage, "--one-hop")
	}
}
