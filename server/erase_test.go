package server

import (
	"testing"
	"testing/synctest"

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
