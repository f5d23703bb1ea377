package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

// A content that its user's row does not hold, left behind by a crash, is sent
// to no stream.
func TestOrphansAreNeverStreamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		servertest.Append(t, f, servertest.Note("one"), servertest.Note("two"), servertest.Note("three"))
		left := f.Items[inbox.ItemKey("u", 2)]
		if left.Title[""] != "two" {
			t.Fatalf("item 2 is %v", left.Title)
		}
		servertest.Append(t, f, servertest.Command(inbox.KindDelete, 2))
		left.Title = belfry.PlainText("orphan")
		f.Items[inbox.ItemKey("u", 2)] = left
		// And one that the row has not come to.
		f.Items[inbox.ItemKey("u", 99)] = left
		l := listen(t, newTestHub(f), withQuery("7.2"), time.Time{})
		l.Want("retry", `item "title":"three"`, `state "removed":[2]`, `unread "version":4 "unread":2 id=7.4`)
		l.Want()
	})
}
