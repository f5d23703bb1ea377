package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

const growUsers = 25

// shownState is all that a user sees, as the API answers it.
func shownState(t *testing.T, base string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i := range growUsers {
		user := fmt.Sprint("user-", i)
		for _, path := range []string{"unread", "inbox?limit=100", "inbox?status=archived"} {
			var raw json.RawMessage
			await.Eventually(t, programtest.Patience, func() string { return user + ": " + string(raw) }, func() bool {
				return callAPI(t, http.MethodGet, userURL(base, user, path), "", "", &raw) == http.StatusOK && !strings.Contains(string(raw), `"pending"`)
			})
			out[user+" "+path] = string(raw)
		}
	}
	return out
}

func notifyOne(t *testing.T, base string, user int, id string, more string) {
	t.Helper()
	body := fmt.Sprintf(`{"recipient":"user-%d","title":"title %s","id":%q,"source":"s"%s}`, user, id, id, more)
	if status := callAPI(t, http.MethodPost, base+"/v1/notifications", "", body, nil); status != http.StatusAccepted {
		t.Fatalf("post: status %d", status)
	}
}

func act(t *testing.T, base string, user int, action, body string) {
	t.Helper()
	if status := callAPI(t, http.MethodPost, userURL(base, fmt.Sprint("user-", user), "inbox/"+action), "", body, nil); status != http.StatusOK {
		t.Fatalf("%s: status %d", action, status)
	}
}

// firstSeq is the seq of the user's newest item.
func firstSeq(t *testing.T, base string, user int) uint64 {
	t.Helper()
	var list struct {
		Items []struct {
			Seq uint64 `json:"seq"`
		} `json:"items"`
	}
	callAPI(t, http.MethodGet, userURL(base, fmt.Sprint("user-", user), "inbox"), "", "", &list)
	if len(list.Items) == 0 {
		t.Fatalf("user-%d has no items", user)
	}
	return list.Items[0].Seq
}

// TestGrowKeepsEverything moves an installation of three partitions to one of
// seven under another prefix: every badge, list, state, seq and version is what
// it was, what was delivered once stays known, and life goes on from there.
func TestGrowKeepsEverything(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	old := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	for round := range 3 {
		for user := range growUsers {
			more := `,"category":"c` + fmt.Sprint(user%3) + `"`
			if round == 2 {
				more += `,"collapse_key":"k","priority":"urgent"`
			}
			notifyOne(t, old.url, user, fmt.Sprint(round), more)
		}
	}
	for user := range growUsers {
		awaitBadge(t, old.url, "", fmt.Sprint("user-", user), hasUnread(3))
		if action := []string{"", "seen", "read", "archive", "delete"}[user%5]; action != "" {
			act(t, old.url, user, action, fmt.Sprintf(`{"seqs":[%d]}`, firstSeq(t, old.url, user)))
		}
	}
	before := shownState(t, old.url)
	grow := []string{"topics", "--brokers", brokers[0], "--prefix", "belfry2", "--partitions", "7", "--grow-from", "belfry"}
	call(t, nil, grow...).WantFailureIn(t, "stop all processors first", "group belfry-unread has 1 members")
	old.wantCleanStop()

	grown := call(t, nil, grow...)
	grown.WantOutput(t, "of belfry-inbox-table (3 partitions) to belfry2-inbox-table (7 partitions)", "of belfry-unread-table (3 partitions) to belfry2-unread-table (7 partitions)")
	// Interrupted or not, it may be called again.
	call(t, nil, grow...).WantOutput(t, "copied")
	next := serveAll(t, append(runArgs(t, brokers, "--auth", "none", "--prefix", "belfry2"), "--partitions", "7")...)
	after := shownState(t, next.url)
	for what, want := range before {
		if got := after[what]; got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	partitions := map[int32]bool{}
	for _, m := range programtest.RecordsOf(t, brokers, "belfry2-unread-table") {
		partitions[m.Partition] = true
	}
	if len(partitions) < 5 {
		t.Errorf("got rows in partitions %v, want them spread over 7", partitions)
	}

	// A notification that is known changes nothing, and one that is new comes once.
	was := awaitBadge(t, next.url, "", "user-0", hasUnread(3))
	notifyOne(t, next.url, 0, "1", "")
	notifyOne(t, next.url, 0, "new", "")
	now := awaitBadge(t, next.url, "", "user-0", hasUnread(4))
	if now.Version <= was.Version {
		t.Errorf("got version %d after %d", now.Version, was.Version)
	}
	// The journal is another one, and so is the epoch once something has come.
	awaitFrame(t, openStreamFrom(t, next.url, "", "user-0", was.Cursor), "resync", fmt.Sprint(now.Version))
	act(t, next.url, 1, "unread", fmt.Sprintf(`{"seqs":[%d]}`, firstSeq(t, next.url, 1)))
	act(t, next.url, 2, "unread", fmt.Sprintf(`{"seqs":[%d]}`, firstSeq(t, next.url, 2)))
	awaitBadge(t, next.url, "", "user-2", hasUnread(3))
	next.wantCleanStop()
	call(t, nil, grow...).WantFailureIn(t, "belfry2-unread has processed records already")
}

// TestGrowRefusesWhatIsNotDone copies nothing while the old installation has
// something left to process.
func TestGrowRefusesWhatIsNotDone(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	old := serveAll(t, "server", "--brokers", brokers[0], "--addr", "127.0.0.1:0", "--auth", "none", "--state-dir", t.TempDir())
	notifyOne(t, old.url, 1, "x", "")
	old.wantCleanStop()
	grow := []string{"topics", "--brokers", brokers[0], "--prefix", "belfry2", "--partitions", "7", "--grow-from", "belfry"}
	call(t, nil, grow...).WantFailureIn(t, "group belfry-unread has not processed 1 records")
	if got := len(programtest.RecordsOf(t, brokers, "belfry2-unread-table")); got != 0 {
		t.Errorf("got %d rows copied, want none", got)
	}
	call(t, nil, "topics", "--brokers", brokers[0], "--prefix", "belfry2", "--grow-from", "belfry2").WantError(t, cli.ExitUsage, "--grow-from", "belfry2")
	call(t, nil, "topics", "--brokers", brokers[0], "--grow-from", "other", "--new-epoch").WantError(t, cli.ExitUsage, "--grow-from", "--new-epoch")
}
