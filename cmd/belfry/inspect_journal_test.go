package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
)

func TestInspectJournal(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	const user = "사용자-7"
	post := func(path, body string, want int) {
		t.Helper()
		if got := callAPI(t, http.MethodPost, path, "", body, nil); got != want {
			t.Fatalf("POST %s: status %d, want %d", path, got, want)
		}
	}
	for i := range 3 {
		post(r.url+"/v1/notifications", fmt.Sprintf(`{"recipient":%q,"title":"secret-%d","id":"n%d","source":"board"}`, user, i, i), http.StatusAccepted)
	}
	awaitBadge(t, r.url, "", user, hasUnread(3))
	row := inspectJSON(t, brokers, user)
	post(userURL(r.url, user, "inbox/read"), fmt.Sprintf(`{"seqs":[%d]}`, row.Items[0].Seq), http.StatusOK)
	awaitBadge(t, r.url, "", user, hasUnread(2))

	journal := func(more ...string) (replay inbox.Refold) {
		t.Helper()
		out := call(t, nil, append([]string{"inspect", user, "--brokers", brokers[0], "--journal", "--json"}, more...)...)
		out.WantOutput(t)
		if err := json.Unmarshal([]byte(out.Stdout), &replay); err != nil {
			t.Fatalf("%v in %q", err, out.Stdout)
		}
		return replay
	}
	got := journal()
	if !got.Complete || got.Records != 4 || len(got.Steps) != 4 || !got.Result.Agrees || got.Result.Row.Unread != 2 || got.Result.Older.Unread != 0 {
		t.Fatalf("got %+v, want four records and a row that agrees on 2 unread", got)
	}
	if last := got.Steps[3]; last.Kind != "read" || len(last.Read) != 1 || last.Read[0] != row.Items[0].Seq || last.Counts.Unread != 2 {
		t.Errorf("got %+v last, want the first item read", last)
	}
	if first := got.Steps[0]; first.Added != row.Items[0].Seq || first.Source != "board" || first.ID != "n0" || first.Title != "" {
		t.Errorf("got %+v first", first)
	}
	if got := journal("--contents").Steps[0].Title; got != "secret-0" {
		t.Errorf("got title %q with --contents", got)
	}
	if got := journal("--since", "1ns"); got.Omitted != 4 || len(got.Steps) != 0 || !got.Result.Agrees {
		t.Errorf("got %+v since 1ns, want all omitted and yet the same result", got)
	}
	out := call(t, nil, "inspect", user, "--brokers", brokers[0], "--journal")
	out.WantOutput(t, user, "nothing: it is all here", "records  4", "board/n0", "added "+fmt.Sprint(row.Items[0].Seq), "badge: 2 unread", "the row agrees with the journal")
	if strings.Contains(out.Stdout, "secret-") {
		t.Errorf("shows texts:\n%s", out.Stdout)
	}
	call(t, nil, "inspect", "nobody", "--brokers", brokers[0], "--journal").WantOutput(t, "records  0", "badge: 0 unread")
	call(t, nil, "inspect", user, "--brokers", brokers[0], "--journal", "--since", "-2h").WantError(t, cli.ExitUsage, "--since")
	r.wantCleanStop()
}
