package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// hiddenFrom is a body that snoozes until some time from now.
func hiddenFrom(seqs string, after time.Duration) string {
	return fmt.Sprintf(`{"seqs":%s,"until":%q}`, seqs, time.Now().Add(after).UTC().Format(time.RFC3339Nano))
}

// listed is what a page shows.
func listed(a *api, query string) string {
	return titles(servertest.Into[shownPage](a.get("/v1/users/u/inbox" + query).Want(200)).Items)
}

// TestSnooze has an item be hidden and show by the clock alone, the badge with it.
func TestSnooze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "1", "2")
		got := a.call("POST", "/v1/users/u/inbox/snooze", hiddenFrom(`[1]`, time.Hour)).Want(200).WantHeader("ETag", `"7.3.0"`)
		if b := servertest.Into[wire.Badge](got); b.Unread != 1 || b.Version != 3 || b.X != 0 {
			t.Errorf("got %+v, want 1 unread", b)
		}
		if list, later := listed(a, ""), listed(a, "?status=scheduled"); list != "2" || later != "1" {
			t.Errorf("got lists %q and %q, want 2 and 1", list, later)
		}
		time.Sleep(time.Hour)
		page := a.get("/v1/users/u/inbox").Want(200).WantHeader("ETag", `"7.3.1"`)
		if got := servertest.Into[shownPage](page); titles(got.Items) != "1 2" || got.Unread != 2 || got.X != 1 {
			t.Errorf("after its time: got %q, %+v, want 1 on top", titles(got.Items), got.Badge)
		}
		if got := a.get("/v1/users/u/unread").Want(200); servertest.Into[wire.Badge](got).Unread != 2 {
			t.Errorf("after its time: got badge %s, want 2", got.Body)
		}
		if later := listed(a, "?status=scheduled"); later != "" {
			t.Errorf("after its time: %q is scheduled", later)
		}

		a.call("POST", "/v1/users/u/inbox/snooze", hiddenFrom(`[2]`, time.Hour)).Want(200)
		a.call("POST", "/v1/users/u/inbox/unsnooze", `{"seqs":[2]}`).Want(200)
		if got := listed(a, ""); got != "2 1" {
			t.Errorf("taken back: got %q, want 2 on top", got)
		}
	})
}

// TestSnoozeExpiring: what would never show again is not hidden, and the answer says
// which it is.
func TestSnoozeExpiring(t *testing.T) {
	a := newAPI(t)
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	sendNote(a, "u", fmt.Sprintf(`{"title":"1","expires_at":%q}`, soon))
	sendNote(a, "u", `{"title":"2"}`)
	before := a.fake.Offset
	a.call("POST", "/v1/users/u/inbox/snooze", hiddenFrom(`[1]`, 2*time.Hour)).WantProblem(400, "until")
	if a.fake.Offset != before {
		t.Error("it was written all the same")
	}
	got := servertest.Into[snoozed](a.call("POST", "/v1/users/u/inbox/snooze", hiddenFrom(`[1,2,9]`, 2*time.Hour)).Want(200))
	if len(got.Expiring) != 1 || got.Expiring[0] != 1 || got.Unread != 1 {
		t.Errorf("got %+v, want 1 left alone", got)
	}
	if got := listed(a, ""); got != "1" {
		t.Errorf("got %q, want what expires", got)
	}
}

// TestSnoozeFull refuses one hidden item too many, and one muted category, by the row that
// was seen.
func TestSnoozeFull(t *testing.T) {
	a := newAPI(t)
	a.notify("u", "1", "2")
	crowd(a, "u")
	a.call("POST", "/v1/users/u/inbox/snooze", hiddenFrom(`[1]`, time.Hour)).WantProblem(409, "")
	// Those that are hidden may be moved.
	a.call("POST", "/v1/users/u/inbox/snooze", hiddenFrom(`[3]`, time.Hour)).Want(200)
	a.call("POST", "/v1/users/u/inbox/mute", `{"category":"one-more"}`).WantProblem(409, "")
	a.call("POST", "/v1/users/u/inbox/mute", `{"category":"c1"}`).Want(200)
}

// TestSnoozeFullMeanwhile refuses what another device has filled since the row that was
// seen: the row after the command shows that nothing was hidden or muted.
func TestSnoozeFullMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "1", "2")
		crowd(a, "u")
		seq := uint64(2)
		for action, body := range map[string]string{"snooze": hiddenFrom(`[1]`, time.Hour), "mute": `{"category":"one-more"}`} {
			seq++ // of those that are hidden
			// Room for one more, which the table shows while it is gone already.
			a.Append("u", servertest.Command(inbox.KindDelete, seq), inbox.Record{Kind: inbox.KindUnmute, Category: "c0"})
			a.fake.HoldRows = true
			sendNote(a, "u", fmt.Sprintf(`{"title":"later","deliver_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339)))
			a.Append("u", inbox.Record{Kind: inbox.KindMute, Category: "c0"})
			done := make(chan servertest.Reply, 1)
			go func() { done <- a.call("POST", "/v1/users/u/inbox/"+action, body) }()
			synctest.Wait()
			a.fake.Release()
			(<-done).WantProblem(409, "")
		}
		if got := listed(a, ""); got != "2 1" {
			t.Errorf("got %q, want both still there", got)
		}
	})
}

// TestScheduledIsForAdmins: what its sender has scheduled is a surprise.
func TestScheduledIsForAdmins(t *testing.T) {
	a := newAPI(t, withJWT(t))
	sendNote(a, "u", fmt.Sprintf(`{"title":"1","deliver_at":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	for token, want := range map[string]string{mint(t, "u"): "", mint(t, "boss", "belfry:admin"): "1"} {
		list := a.get("/v1/users/u/inbox?status=scheduled", "Authorization", "Bearer "+token).Want(200)
		if got := titles(servertest.Into[shownPage](list).Items); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestScheduledIsNotForItsUser: who guesses its seq can do nothing with it, and learns
// nothing of it.
func TestScheduledIsNotForItsUser(t *testing.T) {
	a := newAPI(t, withJWT(t))
	sendNote(a, "u", fmt.Sprintf(`{"title":"1","deliver_at":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	before, _ := a.fake.Row("u")
	for action, body := range map[string]string{"snooze": hiddenFrom(`[1]`, time.Minute), "unsnooze": `{"seqs":[1]}`, "read": `{"seqs":[1]}`, "archive": `{"seqs":[1]}`, "delete": `{"seqs":[1]}`} {
		a.call("POST", "/v1/users/u/inbox/"+action, body, "Authorization", "Bearer "+mint(t, "u")).Want(200)
		after, _ := a.fake.Row("u")
		if e, ok := after.Entry(1); !ok || *e != before.Items[0] {
			t.Errorf("%s: got %+v, want it untouched", action, e)
		}
	}
	a.call("POST", "/v1/users/u/inbox/delete", `{"seqs":[1]}`, "Authorization", "Bearer "+mint(t, "boss", "belfry:admin")).Want(200)
	if after, _ := a.fake.Row("u"); len(after.Items) != 0 {
		t.Error("an admin cannot delete it")
	}
}

// TestClosed answers 501 where the capability is not open, and lists as ever.
func TestClosed(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Features = 0 })
	a.notify("u", "1")
	for action, body := range map[string]string{
		"snooze": hiddenFrom(`[1]`, time.Hour), "unsnooze": `{"seqs":[1]}`, "mute": `{"category":"c"}`, "unmute": `{"category":"c"}`,
	} {
		a.call("POST", "/v1/users/u/inbox/"+action, body).WantProblem(501, "")
	}
	a.call("POST", "/v1/users/u/inbox/seen", `{"seqs":[1],"up_to":2}`).WantProblem(501, "")
	a.call("POST", "/v1/users/u/inbox/seen", `{"up_to":2}`).Want(200)
	later := fmt.Sprintf(`{"recipient":"u","title":"2","deliver_at":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	a.call("POST", "/v1/notifications", later).WantProblem(501, "")
	if got := a.get("/v1/users/u/inbox").Want(200); servertest.Into[inboxHead](got).Features == nil || listed(a, "") != "1" {
		t.Errorf("got %s", got.Body)
	}
}

func TestMutes(t *testing.T) {
	a := newAPI(t)
	a.call("POST", "/v1/users/u/inbox/mute", `{"category":"board"}`).Want(200)
	sendNote(a, "u", `{"title":"1","category":"board"}`)
	sendNote(a, "u", `{"title":"2","category":"other"}`)
	if list, archived := listed(a, ""), listed(a, "?status=archived"); list != "2" || archived != "1" {
		t.Errorf("got lists %q and %q, want 2 and 1", list, archived)
	}
	got := servertest.Into[mutes](a.get("/v1/users/u/inbox/mute").Want(200))
	if len(got.Categories) != 1 || got.Categories[0].Category != "board" || got.Version != 3 {
		t.Errorf("got %+v, want board", got)
	}
	if head, _, _ := strings.Cut(a.get("/v1/users/u/export").Want(200).Body.String(), "\n"); !strings.Contains(head, `"mutes":[{"category":"board","since":"`) {
		t.Errorf("the export starts with %s, want the mutes", head)
	}
	a.call("POST", "/v1/users/u/inbox/unmute", `{"category":"board"}`).Want(200)
	if got := a.get("/v1/users/u/inbox/mute").Want(200).Body.String(); got != `{"user":"u","version":4,"cursor":"7.4","categories":[]}`+"\n" {
		t.Errorf("got %s, want none", got)
	}
}

// TestActors tells who is behind an item that stands for several notifications.
func TestActors(t *testing.T) {
	a := newAPI(t)
	for i, who := range []string{"kim", "lee", "kim"} {
		sendNote(a, "u", fmt.Sprintf(`{"id":"%d","source":"s","title":"%d","collapse_key":"post","actor":{"id":%q}}`, i, i, who))
	}
	item := servertest.Into[shownPage](a.get("/v1/users/u/inbox").Want(200)).Items[0]
	if p := item.Actors; item.Count != 3 || p == nil || p.Count != 2 || p.More || len(p.Latest) != 2 || p.Latest[0].ID != "kim" || p.Latest[1].ID != "lee" {
		t.Errorf("got count %d, actors %+v, want 3 of kim and lee", item.Count, p)
	}
	a.call("POST", "/v1/retractions", `{"recipient":"u","source":"s","id":"1"}`).Want(202)
	item = servertest.Into[shownPage](a.get("/v1/users/u/inbox").Want(200)).Items[0]
	if p := item.Actors; item.Count != 2 || p == nil || p.Count != 1 {
		t.Errorf("without lee: got count %d, actors %+v, want 2 of kim", item.Count, p)
	}
}

// TestActorsAfterARetraction names the last three people, also those whose name the row
// has no more: later ones were taken back.
func TestActorsAfterARetraction(t *testing.T) {
	a := newAPI(t)
	for i, who := range []string{"ann", "bob", "ann", "kim", "lee", "may"} {
		sendNote(a, "u", fmt.Sprintf(`{"id":"%d","source":"s","title":"t","collapse_key":"post","actor":{"id":%q,"name":"Dr. %[2]s"}}`, i, who))
	}
	for _, id := range []string{"4", "5"} {
		a.call("POST", "/v1/retractions", fmt.Sprintf(`{"recipient":"u","source":"s","id":%q}`, id)).Want(202)
	}
	items := servertest.Into[shownPage](a.get("/v1/users/u/inbox").Want(200)).Items
	got := fmt.Sprintf("%+v", *items[0].Actors)
	if want := "{Count:3 More:false Latest:[{ID:kim Name:Dr. kim} {ID:ann Name:Dr. ann} {ID:bob Name:Dr. bob}]}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
