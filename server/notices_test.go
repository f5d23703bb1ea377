package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// eachReader runs a test for a user with a row and for one without any, who both see what
// the board has for everybody.
func eachReader(t *testing.T, test func(t *testing.T, a *api)) {
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("row %t", own), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t)
				a.fake.OpenBoards(1, 100)
				if own {
					a.notify("u", "mine")
					a.call("POST", "/v1/users/u/inbox/delete", `{"seqs":[1]}`).Want(200)
				} else {
					a.Append("another", servertest.Touch(), servertest.Touch())
				}
				test(t, a) // the next record has version 3
			})
		})
	}
}

func notice(a *api, audience, title string) {
	a.Append(belfry.PartitionKey(0), servertest.Notice(audience, title))
}

func takeBack(a *api, audience, id string) {
	a.Append(belfry.PartitionKey(0), inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: audience, ID: id}})
}

// TestNoticeIsRead has a notice be polled, listed, exported and taken back.
func TestNoticeIsRead(t *testing.T) {
	eachReader(t, func(t *testing.T, a *api) {
		before := a.get("/v1/users/u/unread").Want(200).Header().Get("ETag")
		notice(a, "all", "3")
		poll := func(tag string, status int) string {
			t.Helper()
			return a.get("/v1/users/u/unread", "If-None-Match", tag).Want(status).Header().Get("ETag")
		}
		after := poll(before, 200)
		if poll(after, 304); after == before {
			t.Errorf("tag %s before and after", before)
		}
		notice(a, "topic:ops", "4") // not of the user
		poll(after, 304)
		takeBack(a, "topic:ops", "4")
		poll(after, 304)
		page := servertest.Into[shownPage](a.get("/v1/users/u/inbox").Want(200))
		if titles(page.Items) != "3" || page.Unread != 1 || page.Version < 3 || page.Items[0].Audience != "all" || page.Items[0].Pending {
			t.Errorf("listed %+v", page)
		}
		list := a.get("/v1/users/u/inbox?min_version=3").Want(200).Header().Get("ETag")
		a.get("/v1/users/u/inbox", "If-None-Match", list).Want(304)

		lines := strings.Split(strings.TrimSpace(a.get("/v1/users/u/export").Want(200).Body.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[1], `"seq":3`) || !strings.Contains(lines[1], `"audience":"all"`) || !strings.Contains(lines[1], `"title":"3"`) {
			t.Errorf("exported %q", lines)
		}
		if b := servertest.Into[struct{ Users []wire.Badge }](a.get("/v1/unread?user=u&user=nobody").Want(200)).Users; b[0].Unread != 1 || b[1].Unread != 1 {
			t.Errorf("badges %+v, want 1 each", b)
		}
		a.Append("u", inbox.Record{Kind: inbox.KindSubscribe, Topic: "b"}, inbox.Record{Kind: inbox.KindSubscribe, Topic: "a"})
		if head, _, _ := strings.Cut(a.get("/v1/users/u/export").Want(200).Body.String(), "\n"); !strings.Contains(head, `"topics":["a","b"]`) {
			t.Errorf("exported %q first, want the topics", head)
		}
		takeBack(a, "all", "3")
		if b := servertest.Into[wire.Badge](a.get("/v1/users/u/unread", "If-None-Match", after).Want(200)); b.Unread != 0 || b.Version < 6 {
			t.Errorf("taken back: %+v", b)
		}
		if got := listed(a, ""); got != "" {
			t.Errorf("taken back: listed %q", got)
		}
	})
}

// TestOlderNoticeIsTakenBack: the next poll and the next list of every user, whatever each
// has done with it, are 200 and right, and not 304 since nothing newer has come.
func TestOlderNoticeIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.fake.OpenBoards(1, 100)
		a.notify("row", "mine") // 1
		for _, title := range []string{"2", "3", "4"} {
			notice(a, "all", title)
		}
		marks := map[string]string{"seen": "seen", "reader": "read", "tidy": "archive", "deleter": "delete"}
		for user, action := range marks {
			a.call("POST", "/v1/users/"+user+"/inbox/"+action, `{"seqs":[2]}`).Want(200)
		}
		type answer struct{ badge, list string }
		tags := map[string]answer{}
		for _, user := range []string{"row", "nobody", "seen", "reader", "tidy", "deleter"} {
			badge := "/v1/users/" + user + "/unread"
			list := "/v1/users/" + user + "/inbox"
			tags[user] = answer{a.get(badge).Want(200).Header().Get("ETag"), a.get(list).Want(200).Header().Get("ETag")}
			a.get(badge, "If-None-Match", tags[user].badge).Want(304)
			a.get(list, "If-None-Match", tags[user].list).Want(304)
		}
		takeBack(a, "all", "2")
		for user, was := range tags {
			want, unread := "4 3", 2
			if user == "row" {
				want, unread = "4 3 mine", 3
			}
			got := servertest.Into[wire.Badge](a.get("/v1/users/"+user+"/unread", "If-None-Match", was.badge).Want(200))
			page := servertest.Into[shownPage](a.get("/v1/users/"+user+"/inbox", "If-None-Match", was.list).Want(200))
			if got.Unread != unread || page.Unread != unread || titles(page.Items) != want {
				t.Errorf("%s: badge %+v, list %q with %d unread; want %q, %d", user, got, titles(page.Items), page.Unread, want, unread)
			}
		}
	})
}

// TestNoticeIsActedOn has a user do with a notice what one does with an item.
func TestNoticeIsActedOn(t *testing.T) {
	eachReader(t, func(t *testing.T, a *api) {
		for _, title := range []string{"3", "4", "5"} {
			notice(a, "all", title)
		}
		badge := func(action, body string) wire.Badge {
			t.Helper()
			return servertest.Into[wire.Badge](a.call("POST", "/v1/users/u/inbox/"+action, body).Want(200))
		}
		if b := badge("seen", `{"up_to":4}`); b.Unread != 3 || b.Unseen != 1 {
			t.Errorf("seen: %+v", b)
		}
		if b := badge("read", `{"seqs":[3]}`); b.Unread != 2 {
			t.Errorf("read: %+v", b)
		}
		if b := badge("archive", `{"seqs":[4]}`); b.Unread != 1 || listed(a, "") != "5 3" || listed(a, "?status=archived") != "4" {
			t.Errorf("archived: %+v, %q", b, listed(a, ""))
		}
		if b := badge("unarchive", `{"seqs":[4]}`); b.Unread != 2 {
			t.Errorf("unarchived: %+v", b)
		}
		if b := badge("snooze", hiddenFrom(`[5]`, time.Hour)); b.Unread != 1 || listed(a, "?status=scheduled") != "5" {
			t.Errorf("snoozed: %+v", b)
		}
		if time.Sleep(time.Hour); listed(a, "") != "5 4 3" {
			t.Errorf("listed %q after its time", listed(a, ""))
		}
		notice(a, "all", "11")
		if got := listed(a, ""); got != "5 11 4 3" {
			t.Errorf("listed %q after one more", got) // no record has settled the wake
		}
		if b := badge("delete", `{"seqs":[3,11]}`); b.Unread != 2 || listed(a, "") != "5 4" {
			t.Errorf("deleted: %+v, %q", b, listed(a, ""))
		}
		if other := listedOf(a, "another"); other != "11 5 4 3" {
			t.Errorf("another has %q, want all", other)
		}
	})
}

func listedOf(a *api, user string) string {
	return titles(servertest.Into[shownPage](a.get("/v1/users/" + user + "/inbox").Want(200)).Items)
}

// TestAppliedIsJudgedByTheStoredRow: a board that has gone on does not say that a command
// was applied, which its row does not show.
func TestAppliedIsJudgedByTheStoredRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.fake.OpenBoards(1, 100)
		a.notify("u", "1")
		a.fake.HoldRows = true
		done := make(chan servertest.Reply, 1)
		go func() { done <- a.call("POST", "/v1/users/u/inbox/read", `{"seqs":[1]}`) }()
		synctest.Wait()
		notice(a, "all", "3") // which a table never holds before the row, unless that was set aside
		synctest.Wait()
		got := servertest.Into[wire.Badge]((<-done).Want(202))
		if got.Version != 3 || got.Unread != 2 {
			t.Errorf("got %+v, want what is shown", got)
		}
	})
}

// TestWaitsForNotice: whoever knows of a notice waits for the board, and for a content that
// is late.
func TestWaitsForNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.fake.OpenBoards(1, 100)
		badge, list := make(chan servertest.Reply, 1), make(chan servertest.Reply, 1)
		go func() { badge <- a.get("/v1/users/u/unread?min_version=1") }()
		synctest.Wait()
		a.fake.HoldItems = true
		notice(a, "all", "1")
		if got := servertest.Into[wire.Badge]((<-badge).Want(200)); got.Unread != 1 {
			t.Errorf("got %+v, want the notice", got)
		}
		go func() { list <- a.get("/v1/users/u/inbox") }()
		synctest.Wait()
		a.fake.Release()
		if got := servertest.Into[shownPage]((<-list).Want(200)); titles(got.Items) != "1" || got.Items[0].Pending {
			t.Errorf("got %+v, want the notice with its content", got)
		}
	})
}
