package server

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

// A content that its user's row does not hold, left behind by a crash, is shown
// to nobody: what is listed and exported follows the row.
func TestOrphansAreNeverListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "one", "two", "three")
		left := a.fake.Items[inbox.ItemKey("u", 2)]
		if left.Title[""] != "two" {
			t.Fatalf("item 2 is %v", left.Title)
		}
		a.Append("u", servertest.Command(inbox.KindDelete, 2))
		left.Title = belfry.PlainText("orphan")
		a.fake.Items[inbox.ItemKey("u", 2)] = left
		// And one that the row has not come to.
		a.fake.Items[inbox.ItemKey("u", 99)] = left
		for path, want := range map[string]string{
			"inbox": "three one", "inbox?status=all": "three one", "inbox?status=unread": "three one",
			"inbox?before=3": "one", "inbox?before=1000": "three one", "inbox?status=archived": "",
		} {
			b := servertest.Into[shownPage](a.get("/v1/users/u/" + path).Want(200))
			if got := titles(b.Items); got != want || b.Unread != 2 {
				t.Errorf("%s: got %q and %d unread, want %q and 2", path, got, b.Unread, want)
			}
		}
		if body := a.get("/v1/users/u/export").Want(200).Body.String(); strings.Contains(body, "orphan") || !strings.Contains(body, "three") {
			t.Errorf("exported %s", body)
		}
	})
}
