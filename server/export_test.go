package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

func TestExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.Append("u",
			inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "1", Title: belfry.Text{"en": "Hello", "ko": "안녕"}}},
			servertest.Note("2"),
			servertest.Command(inbox.KindArchive, 1), servertest.Command(inbox.KindRead, 2))
		a.fake.HoldItems = true
		a.Append("u", servertest.Note("3"))
		got := a.get("/v1/users/u/export?min_version=5", "Accept-Language", "ko").Want(200).
			WantHeader("Content-Type", "application/x-ndjson").WantHeader("Cache-Control", "private, no-cache")
		want := `{"user":"u","version":5,"cursor":"7.5","x":0,"unread":1,"unseen":1,"urgent":0,"categories":{}}
{"seq":1,"version":3,"read":false,"seen":false,"archived":true,"count":1,"id":"1","priority":"normal","time":"2000-01-01T00:00:00Z","title":{"en":"Hello","ko":"안녕"}}
{"seq":2,"version":4,"read":true,"seen":true,"archived":false,"count":1,"id":"2","priority":"normal","time":"2000-01-01T00:00:00Z","title":"2"}
{"seq":5,"version":5,"read":false,"seen":false,"archived":false,"count":1,"pending":true,"priority":"normal"}
`
		if got.Body.String() != want {
			t.Errorf("got\n%s want\n%s", got.Body, want)
		}
		dec := json.NewDecoder(got.Body)
		for dec.More() {
			var v map[string]any
			if err := dec.Decode(&v); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestExportHasMembers holds that what an item stands for besides its newest is in the
// export, each before that item.
func TestExportHasMembers(t *testing.T) {
	a := newAPI(t)
	for _, id := range []string{"1", "2", "3"} {
		sendNote(a, "u", fmt.Sprintf(`{"id":%q,"source":"s","title":"about %[1]s","collapse_key":"post","actor":{"id":"kim-%[1]s"}}`, id))
	}
	sendNote(a, "u", `{"id":"4","source":"s","title":"alone"}`)
	var got []string
	for line := range strings.Lines(a.get("/v1/users/u/export").Want(200).Body.String()) {
		var item struct {
			Seq      uint64
			Title    string
			MemberOf uint64 `json:"member_of"`
			Count    int
		}
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			t.Fatal(err)
		}
		if item.Seq != 0 {
			got = append(got, fmt.Sprintf("%d %s of %d, %d", item.Seq, item.Title, item.MemberOf, item.Count))
		}
	}
	if want := []string{"1 about 1 of 3, 1", "2 about 2 of 3, 1", "3 about 3 of 0, 3", "4 alone of 0, 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	a.call("DELETE", "/v1/users/u", "").Want(202)
	if len(a.fake.Items) != 0 {
		t.Errorf("after an erase there are %v", a.fake.Items)
	}
}

func TestExportOfNobody(t *testing.T) {
	got := newAPI(t).get("/v1/users/u/export").Want(200)
	if want := `{"user":"u","version":0,"cursor":"0.0","x":0,"unread":0,"unseen":0,"urgent":0,"categories":{}}` + "\n"; got.Body.String() != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
}

// TestExportLeavesOutWhatIsRemovedMeanwhile holds that an item which goes while others
// are written is not shown as one whose content is late.
func TestExportLeavesOutWhatIsRemovedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "1", "2")
		done := make(chan servertest.Reply, 1)
		delete(a.fake.Items, "u/2") // it is late, or the next is there before
		go func() { done <- a.get("/v1/users/u/export") }()
		synctest.Wait()
		a.Append("u", servertest.Command(inbox.KindDelete, 2))
		got := (<-done).Want(200).Body.String()
		if strings.Contains(got, `"seq":2`) || !strings.Contains(got, `"seq":1`) {
			t.Errorf("got %s, want the first item alone", got)
		}
	})
}
