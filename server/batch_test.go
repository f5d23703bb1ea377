package server

import (
	"fmt"
	"strings"
	"testing"
)

func TestBatch(t *testing.T) {
	a := newAPI(t)
	a.notify("사용자-7", "x")
	got := a.get("/v1/unread?user=b&user=%EC%82%AC%EC%9A%A9%EC%9E%90-7&user=b").Want(200)
	want := `{"users":[` +
		`{"user":"b","version":0,"cursor":"0.0","unread":0,"unseen":0,"urgent":0,"categories":{}},` +
		`{"user":"사용자-7","version":1,"cursor":"7.1","unread":1,"unseen":1,"urgent":0,"categories":{}},` +
		`{"user":"b","version":0,"cursor":"0.0","unread":0,"unseen":0,"urgent":0,"categories":{}}]}` + "\n"
	if got.Body.String() != want {
		t.Errorf("got %s, want %s", got.Body, want)
	}
}

func TestBatchLimits(t *testing.T) {
	a := newAPI(t)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&user=%d", i)
		}
		return "/v1/unread?" + b.String()
	}
	a.get(many(100)).Want(200)
	a.get(many(101)).wantProblem(400, "user")
	a.get("/v1/unread").wantProblem(400, "user")
	a.get("/v1/unread?user=a&user=__b").wantProblem(400, "user[1]")
	a.get("/v1/unread?user=").wantProblem(400, "user[0]")
}
