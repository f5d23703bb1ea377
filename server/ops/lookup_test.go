package ops_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/ops"
)

func TestLookup(t *testing.T) {
	var log servertest.Log
	a, _ := opsAPI(t, func(c *server.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	const user = "사용자-7"
	a.send(user, `{"title":"secret one","priority":"urgent","category":"approval","id":"i1","source":"s"}`)
	a.send(user, `{"title":{"ko":"둘","en":"secret two"},"expires_at":"2099-01-01T00:00:00Z"}`)
	a.Append(user, inbox.Record{Kind: inbox.KindSeen, Seqs: []uint64{2}})
	a.send(user, `{"title":"secret three"}`)
	a.Append(user, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{4}})
	const path = "/v1/ops/users/%EC%82%AC%EC%9A%A9%EC%9E%90-7"

	reply := a.get(path).Want(200)
	if strings.Contains(reply.Body.String(), "secret") {
		t.Errorf("shows titles: %s", reply.Body)
	}
	got := servertest.Into[ops.LookupBody](reply)
	var items []string
	for _, i := range got.Items {
		items = append(items, fmt.Sprintf("%d %s %v", i.Seq, i.State, i.CountsIn))
	}
	if want := []string{"4 read []", "2 seen [unread]", "1 unread [unread unseen urgent]"}; !slices.Equal(items, want) {
		t.Errorf("got %q, want %q", items, want)
	}
	if got.User != user || got.Version != 5 || got.Counts.Unread != 2 || got.Counts.Urgent != 1 || got.Missing != 0 || got.Items[2].ID != "i1" || got.Items[1].ExpiresAt == nil || got.NextExpiry == nil || got.Contents {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(log.String(), "shown to an operator") {
		t.Errorf("a look without titles is logged: %s", log.String())
	}

	got = servertest.Into[ops.LookupBody](a.get(path + "?contents=1").Want(200))
	if got.Items[1].Title != "secret two" || got.Items[2].Title != "secret one" || !got.Contents {
		t.Errorf("got %+v with contents", got.Items)
	}
	if text := log.String(); !strings.Contains(text, "contents shown to an operator") || !strings.Contains(text, "operator=local") || strings.Contains(text, "secret") || strings.Contains(text, user) {
		t.Errorf("got the log %q, want who looked and neither whom nor what at", text)
	}
	nobody := servertest.Into[ops.LookupBody](a.get("/v1/ops/users/nobody").Want(200))
	if nobody.Version != 0 || nobody.Items == nil || nobody.Cursor != "0.0" {
		t.Errorf("got %+v for nobody", nobody)
	}
	a.get("/v1/ops/users/a%2Fb").WantProblem(400, "user")
	a.get(path+"?contents=yes").WantProblem(400, "contents")
	a.fake.NotReady = true
	a.get(path).WantProblem(503, "")
}

func TestLookupCountsStreamsAndMissingContents(t *testing.T) {
	a, _ := opsAPI(t)
	a.fake.HoldItems = true
	a.Append("user-7", servertest.Note("late"))
	got := servertest.Into[ops.LookupBody](a.get("/v1/ops/users/user-7").Want(200))
	if got.Missing != 1 || got.Items[0].Content || got.Streams != 0 {
		t.Errorf("got %+v, want a missing content", got)
	}
	a.send("user-8", `{"title":"first","collapse_key":"k"}`)
	a.send("user-8", `{"title":"second","collapse_key":"k"}`)
	got = servertest.Into[ops.LookupBody](a.get("/v1/ops/users/user-8").Want(200))
	if got.Missing != 2 || len(got.Items) != 1 {
		t.Errorf("got %+v, want that of the item and of what it keeps", got)
	}
}

func TestJournal(t *testing.T) {
	a, f := opsAPI(t)
	a.Append("user-7", servertest.Note("secret one"))
	a.Append("user-7", servertest.Note("secret two"))
	a.Append("user-8", servertest.Note("of another"))
	a.Append("user-7", inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1}})
	got := servertest.Into[inbox.Refold](a.get("/v1/ops/users/user-7/journal").Want(200))
	if got.Records != 3 || !got.Result.Agrees || got.Result.Row.Unread != 1 || got.Steps[2].Kind != "read" || got.Steps[0].Title != "" {
		t.Errorf("got %+v", got)
	}
	if q := f.Queries[0]; q.Texts || q.Most != ops.MaxJournalSteps || time.Since(q.Since).Round(time.Hour) != 48*time.Hour {
		t.Errorf("got query %+v, want the last 48 h without texts", q)
	}
	got = servertest.Into[inbox.Refold](a.get("/v1/ops/users/user-7/journal?since=1h&contents=1").Want(200))
	if got.Steps[0].Title != "secret one" || time.Since(f.Queries[1].Since).Round(time.Minute) != time.Hour {
		t.Errorf("got %+v, %+v", got.Steps[0], f.Queries[1])
	}
	for query, field := range map[string]string{"since=x": "since", "since=-1h": "since", "since=0s": "since", "contents=2": "contents"} {
		a.get("/v1/ops/users/user-7/journal?"+query).WantProblem(400, field)
	}
	f.Set(func() { f.RefoldErr = fmt.Errorf("a record: %w", belfry.ErrCorrupt) })
	a.get("/v1/ops/users/user-7/journal").WantProblem(500, "")
	f.Set(func() { f.RefoldErr = errors.New("no broker") })
	a.get("/v1/ops/users/user-7/journal").WantProblem(503, "")
	f.Set(func() { f.RefoldErr = context.DeadlineExceeded })
	a.get("/v1/ops/users/user-7/journal").WantProblem(503, "")
}

// A look-up says whom each item is for, and the journal what became of notices.
func TestLookupAndJournalOfNotices(t *testing.T) {
	a, _ := opsAPI(t)
	a.fake.OpenBoards(1, 100)
	board := belfry.PartitionKey(0)
	a.Append("user-7", inbox.Record{Kind: inbox.KindSubscribe, Topic: "canteen"}) // 1
	a.send("user-7", `{"title":"mine"}`)                                          // 2
	a.Append(board, servertest.Notice("all", "secret"))                           // 3
	a.Append(board, servertest.Notice("topic:canteen", "menu"))                   // 4
	a.Append(board, servertest.Notice("topic:payroll", "pay"))                    // 5
	a.Append("user-7", inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{3}})     // 6
	a.Append(board, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: "topic:canteen", ID: "menu"}})
	a.Append(board, servertest.Notice("topic:canteen", "soup")) // 8
	items := func(user string) (out []string) {
		t.Helper()
		got := servertest.Into[ops.LookupBody](a.get("/v1/ops/users/" + user).Want(200))
		if got.Missing != 0 || got.Removals != 0 {
			t.Errorf("%s lacks %d contents, and has %d removals", user, got.Missing, got.Removals)
		}
		for _, i := range got.Items {
			out = append(out, fmt.Sprintf("%d %s %s", i.Seq, i.State, i.Audience))
		}
		return out
	}
	if got, want := items("user-7"), []string{"8 unread topic:canteen", "3 read all", "2 unread "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := items("stranger"), []string{"3 unread all"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got := servertest.Into[inbox.Refold](a.get("/v1/ops/users/user-7/journal").Want(200))
	var steps []string
	for _, s := range got.Steps {
		steps = append(steps, fmt.Sprint(s.Kind, " ", s.Outcome, " ", s.Audience, " ", s.Counts.Unread))
	}
	want := []string{
		"subscribe applied  0", "notify applied  1", "notify applied all 2", "notify applied topic:canteen 3", "notify for-others topic:payroll 3",
		"read applied  2", "retract applied topic:canteen 1", "notify applied topic:canteen 2",
	}
	if !slices.Equal(steps, want) || got.Records != 3 || got.Notices != 5 || !got.Result.Agrees || got.Result.Row.Unread != 2 {
		t.Errorf("got %q of %d records and %d notices, %+v, want %q", steps, got.Records, got.Notices, got.Result, want)
	}
}

// TestJournalsAtOnce has a third reader while two wait for Kafka.
func TestJournalsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := opsAPI(t)
		f.Held = make(chan struct{})
		codes := make(chan int)
		for range ops.JournalsAtOnce {
			go func() { codes <- a.get("/v1/ops/users/user-7/journal").Code }()
		}
		synctest.Wait()
		a.get("/v1/ops/users/user-7/journal").WantProblem(http.StatusServiceUnavailable, "")
		close(f.Held)
		for range ops.JournalsAtOnce {
			if code := <-codes; code != 200 {
				t.Errorf("got %d, want 200", code)
			}
		}
		a.get("/v1/ops/users/user-7/journal").Want(200)
	})
}
