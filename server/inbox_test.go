package server

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

func TestInboxPages(t *testing.T) {
	a := newAPI(t)
	a.notify("u", "1", "2", "3", "4", "5")
	var got []string
	path := "/v1/users/u/inbox?limit=2"
	for next := path; next != ""; {
		b := servertest.Into[shownPage](a.get(next).Want(200))
		if b.User != "u" || b.Version != 5 || b.Cursor != "7.5" || b.Unread != 5 {
			t.Errorf("got %+v", b)
		}
		got = append(got, titles(b.Items))
		if next = ""; b.Next != "" {
			next = path + "&before=" + b.Next
		}
	}
	if want := "[5 4 3 2 1]"; fmt.Sprint(got) != want {
		t.Errorf("got pages %v, want %s", got, want)
	}
	if f := a.get("/v1/users/nobody/inbox").Want(200).Fields(); f != "categories cursor features items unread unseen urgent user version x" {
		t.Errorf("got fields %q", f)
	}
}

// TestInboxByImportance lists what matters first, page by page, and holds that a place
// of one order is none of another.
func TestInboxByImportance(t *testing.T) {
	a := newAPI(t)
	a.Append("u", servertest.Note("1"), servertest.Pressing("2", belfry.PriorityUrgent), servertest.Pressing("3", belfry.PriorityHigh),
		servertest.Note("4"), servertest.Pressing("5", belfry.PriorityHigh))
	var got []string
	path := "/v1/users/u/inbox?order=importance&limit=2"
	for next := path; next != ""; {
		b := servertest.Into[shownPage](a.get(next).Want(200))
		got = append(got, titles(b.Items))
		if next = ""; b.Next != "" {
			next = path + "&before=" + b.Next
		}
	}
	if want := "[2 5 3 4 1]"; fmt.Sprint(got) != want {
		t.Errorf("got pages %v, want %s", got, want)
	}
	a.get("/v1/users/u/inbox?before=1.3").WantProblem(400, "before")
	a.get("/v1/users/u/inbox?before=").WantProblem(400, "before")
	a.get("/v1/users/u/inbox?order=urgent").WantProblem(400, "order")
	if b := servertest.Into[shownPage](a.get(path + "&before=3").Want(200)); titles(b.Items) != "4 1" {
		t.Errorf("behind a bare seq: got %q, want what is behind its item: 4 1", titles(b.Items))
	}
}

func TestInboxFilters(t *testing.T) {
	a := newAPI(t)
	a.Append("u",
		inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText("1"), Category: "c"}},
		servertest.Note("2"), servertest.Note("3"), servertest.Note("4"),
		servertest.Command(inbox.KindRead, 2), servertest.Command(inbox.KindArchive, 3))
	for query, want := range map[string]string{
		"": "4 2 1", "?status=all": "4 2 1", "?status=unread": "4 1", "?status=archived": "3",
		"?category=c": "1", "?category=none": "", "?status=unread&before=4": "1", "?before=1": "",
		"?unknown=1": "4 2 1",
	} {
		b := servertest.Into[shownPage](a.get("/v1/users/u/inbox" + query).Want(200))
		if got := titles(b.Items); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
		// The badge is that of the whole inbox, whatever is listed.
		if b.Unread != 2 || b.Version != 6 || b.Items == nil {
			t.Errorf("%q: got %+v", query, b)
		}
	}
}

func TestInboxItem(t *testing.T) {
	a := newAPI(t)
	a.call("POST", "/v1/notifications", `{"id":"n1","recipient":"u","source":"s","type":"t","category":"c","priority":"high",
		"title":{"en":"Hello","ko":"안녕"},"body":"<b>&","url":"/x","actor":{"id":"a","name":"A","avatar":"/a.png"},
		"collapse_key":"k","time":"2026-01-02T03:04:05.678+09:00","expires_at":"2999-01-01T00:00:00Z","data":{"n":1},"unknown":1}`).Want(202)
	got := a.get("/v1/users/u/inbox", "Accept-Language", "ko").Want(200)
	if vary := got.Header().Values("Vary"); !slices.Contains(vary, "Accept-Language") {
		t.Errorf("got Vary %q", vary)
	}
	want := `{"user":"u","version":1,"cursor":"7.1","x":0,"unread":1,"unseen":1,"urgent":1,"categories":{"c":{"unread":1,"unseen":1}},"features":["time","reach","broadcast"],"items":[{"seq":1,"version":1,"read":false,"seen":false,` +
		`"archived":false,"count":1,"id":"n1","source":"s","type":"t","category":"c","priority":"high","title":"안녕","body":"<b>&",` +
		`"url":"/x","actor":{"id":"a","name":"A","avatar":"/a.png"},"collapse_key":"k","time":"2026-01-01T18:04:05.678Z",` +
		`"expires_at":"2999-01-01T00:00:00Z","data":{"n":1}}]}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got  %swant %s", got.Body, want)
	}
	if b := servertest.Into[shownPage](a.get("/v1/users/u/inbox")); b.Items[0].Title != "Hello" {
		t.Errorf("got %q without a language, want English", b.Items[0].Title)
	}
}

func TestInboxETag(t *testing.T) {
	a := newAPI(t)
	a.notify("u", "x")
	plain := a.get("/v1/users/u/inbox").Want(200).WantHeader("ETag", `"7.1.0"`)
	a.get("/v1/users/u/inbox", "If-None-Match", plain.Header().Get("ETag")).Want(304)
	korean := a.get("/v1/users/u/inbox", "Accept-Language", "ko").Want(200).Header().Get("ETag")
	a.get("/v1/users/u/inbox", "Accept-Language", "ko", "If-None-Match", korean).Want(304)
	// A user who changes the language must not be told that nothing has changed.
	a.get("/v1/users/u/inbox", "Accept-Language", "en", "If-None-Match", korean).Want(200)
	a.get("/v1/users/u/inbox", "If-None-Match", korean).Want(200)
	if got, want := (wire.Condition{Tags: []string{korean}}).Version(), uint64(1); got != want {
		t.Errorf("got version %d of tag %s, want %d", got, korean, want)
	}
}

func TestInboxBadQuery(t *testing.T) {
	a := newAPI(t)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=101": "limit", "limit=-1": "limit", "limit=1.0": "limit", "limit=x": "limit", "limit=": "limit",
		"before=0": "before", "before=-3": "before", "before=1e3": "before",
		"status=gone": "status", "min_version=x": "min_version",
		"category=" + string(make129()): "category", "category=": "category", "limit=%": "",
	} {
		a.get("/v1/users/u/inbox?"+query).WantProblem(400, field)
	}
}

// TestInboxLateContent has content come while the page waits for it.
func TestInboxLateContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.fake.HoldItems = true
		a.notify("u", "x")
		time.AfterFunc(time.Second, a.fake.Release)
		start := time.Now()
		b := servertest.Into[shownPage](a.get("/v1/users/u/inbox").Want(200).WantHeader("ETag", `"7.1.0"`))
		if took := time.Since(start); took != time.Second || b.Items[0].Pending || b.Items[0].Title != "x" || b.Cursor != "7.1" {
			t.Errorf("after %s: got %+v", took, b)
		}
	})
}

// TestInboxPending has content not come: the item is listed with what the row
// knows, nobody keeps the answer, and a stream from its cursor brings the item.
func TestInboxPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "1", "2")
		a.fake.HoldItems = true
		a.Append("u", servertest.Pressing("3", belfry.PriorityHigh), servertest.Note("4"), servertest.Command(inbox.KindRead, 4))
		start := time.Now()
		got := a.get("/v1/users/u/inbox", "If-None-Match", `"7.5.0"`).Want(200).WantHeader("ETag", "")
		if took := time.Since(start); took != wire.MaxWait {
			t.Errorf("waited %s, want %s for the page in all", took, wire.MaxWait)
		}
		b := servertest.Into[shownPage](got)
		if b.Version != 5 || b.Cursor != "7.2" || b.Unread != 3 || len(b.Items) != 4 {
			t.Errorf("got %+v, want the cursor before the oldest pending item", b)
		}
		for i, want := range []string{
			"4 version 5 read true seen true high false",
			"3 version 3 read false seen false high true",
		} {
			it := b.Items[i]
			got := fmt.Sprintf("%d version %d read %t seen %t high %t", it.Seq, it.Version, it.Read, it.Seen, it.Priority == "high")
			if got != want || !it.Pending || it.Title != "" {
				t.Errorf("got %s (%+v), want %s, pending", got, it, want)
			}
		}
		if b.Items[2].Pending || b.Items[2].Title != "2" {
			t.Errorf("got %+v, want item 2 with content", b.Items[2])
		}
		// A page that has none of the pending ones does not wait.
		start = time.Now()
		b = servertest.Into[shownPage](a.get("/v1/users/u/inbox?before=3").Want(200))
		if took := time.Since(start); took != 0 || b.Cursor != "7.5" {
			t.Errorf("waited %s, got %+v", took, b)
		}
	})
}

// TestInboxLateContentOfAListThatIsKnown has a client whose entity tag is the list's,
// at a server that lacks a content: it gets a whole list, not one from the first
// content on that is missing.
func TestInboxLateContentOfAListThatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "1", "2", "3")
		a.fake.HoldItems = true
		a.notify("u", "4")
		a.fake.HoldItems = false
		b := servertest.Into[shownPage](a.get("/v1/users/u/inbox", "If-None-Match", `"7.4.0"`).Want(200))
		if len(b.Items) != 4 || !b.Items[0].Pending || b.Items[3].Title != "1" {
			t.Errorf("got %+v, want all four", b.Items)
		}
	})
}

// TestInboxGoneContent has the inbox table be ahead: the content is gone and
// the row does not know yet. It is no pending item, just a moment early.
func TestInboxGoneContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "1", "2")
		a.fake.HoldRows = true
		a.Append("u", servertest.Command(inbox.KindDelete, 1))
		time.AfterFunc(time.Second, a.fake.Release)
		b := servertest.Into[shownPage](a.get("/v1/users/u/inbox").Want(200))
		if got := titles(b.Items); got != "2" || b.Version != 3 || b.Cursor != "7.3" {
			t.Errorf("got %+v, want item 2 alone", b)
		}
	})
}
