package server

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

func TestErase(t *testing.T) {
	a := newAPI(t)
	a.notify("u", "x", "y")
	a.notify("v", "z")
	got := servertest.Into[wire.Badge](a.call("DELETE", "/v1/users/u", "").Want(202))
	if got.User != "u" || got.Unread != 0 || got.Version != 4 || got.Cursor != "7.4" {
		t.Errorf("got %+v, want nothing unread at version 4", got)
	}
	if len(a.fake.Items) != 1 {
		t.Errorf("got %d contents, want that of the other user alone", len(a.fake.Items))
	}
	a.call("DELETE", "/v1/users/nobody", "").Want(202)
	a.call("DELETE", "/v1/users/a%2Fb", "").WantProblem(400, "user")
}

// An erase takes away what the user had of notices, and the topics, and leaves both to others.
func TestEraseOfNotices(t *testing.T) {
	eachReader(t, func(t *testing.T, a *api) {
		notice(a, "all", "3")
		a.Append("u", inbox.Record{Kind: inbox.KindSubscribe, Topic: "ops"})
		notice(a, "topic:ops", "5")
		if got := listed(a, ""); got != "5 3" {
			t.Fatalf("listed %q before", got)
		}
		if b := servertest.Into[wire.Badge](a.call("DELETE", "/v1/users/u", "").Want(202)); b.Unread != 0 {
			t.Errorf("got %+v, want nothing unread", b)
		}
		row, err := a.fake.Row("u")
		if err != nil || len(row.Items) > 0 || len(row.Topics) > 0 || listed(a, "") != "" {
			t.Errorf("got %+v, %v, listed %q", row, err, listed(a, ""))
		}
		if lines := strings.Split(strings.TrimSpace(a.get("/v1/users/u/export").Want(200).Body.String()), "\n"); len(lines) != 1 || strings.Contains(lines[0], "topics") {
			t.Errorf("exported %q, want the first line alone", lines)
		}
		if other := listedOf(a, "another"); other != "3" || len(a.fake.Items) != 2 {
			t.Errorf("another has %q, and there are %d contents", other, len(a.fake.Items))
		}
		notice(a, "topic:ops", "7")
		notice(a, "all", "8")
		if got := listed(a, ""); got != "8" {
			t.Errorf("listed %q of what came afterwards, want what is for everybody", got)
		}
	})
}

func TestEraseLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		a.notify("u", "x")
		a.fake.HoldRows = true
		if got := servertest.Into[wire.Badge](a.call("DELETE", "/v1/users/u", "").Want(202)); got.Unread != 1 {
			t.Errorf("got %+v, want the badge as the table has it", got)
		}
	})
}
