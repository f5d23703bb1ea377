package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

func TestRetractions(t *testing.T) {
	a := newAPI(t, withJWT(t))
	service := []string{"Authorization", "Bearer " + mint(t, "board", auth.ScopeNotify)}
	unread := func(user string) int {
		t.Helper()
		return servertest.Into[wire.Badge](a.get("/v1/users/"+user+"/unread", "Authorization", "Bearer "+mint(t, user))).Unread
	}
	a.call("POST", "/v1/notifications", `[{"id":"1","recipients":["u","v"],"title":"x"},
		{"id":"2","recipient":"u","title":"y","collapse_key":"k"},{"id":"3","recipient":"u","title":"z","source":"other"}]`, service...).Want(202)
	for _, step := range []struct {
		body     string
		accepted int
		u, v     int
	}{
		{`{"recipient":"u","id":"nothing like it"}`, 1, 3, 1},
		{`{"recipients":["u","v"],"id":"1"}`, 2, 2, 0}, // the source is the sender's own, as it was
		{`[{"recipient":"u","collapse_key":"k"},{"recipient":"v","collapse_key":"k"}]`, 2, 1, 0},
		{`{"recipient":"u","id":"3"}`, 1, 1, 0},
		{`{"recipient":"u","source":"other","id":"3"}`, 1, 0, 0},
	} {
		got := servertest.Into[struct{ Accepted int }](a.call("POST", "/v1/retractions", step.body, service...).Want(202))
		if u, v := unread("u"), unread("v"); got.Accepted != step.accepted || u != step.u || v != step.v {
			t.Errorf("%s: got %d accepted, %d and %d unread, want %d, %d and %d", step.body, got.Accepted, u, v, step.accepted, step.u, step.v)
		}
	}
}

func TestRetractionsBadInput(t *testing.T) {
	a := newAPI(t)
	for body, field := range map[string]string{
		`{`: "", `[]`: "", `7`: "", `{"id":"1"}`: "recipient", `{"recipient":"u"}`: "id",
		`{"recipient":"u","id":"1","collapse_key":"k"}`: "id", `{"recipient":"u","id":1}`: "id",
		`[{"recipient":"u","id":"1"},{"recipient":"u/","id":"1"}]`: "[1].recipient",
	} {
		t.Run(body, func(t *testing.T) {
			newAPIWith(t, a).call("POST", "/v1/retractions", body).WantProblem(400, field)
		})
	}
	one := `{"recipient":"u","id":"1"}`
	many := "[" + strings.Repeat(one+",", 1000) + one + "]"
	a.call("POST", "/v1/retractions", many).WantProblem(413, "[1000]")
	if a.fake.Offset != 0 {
		t.Errorf("got %s of refused calls, want none", fmt.Sprint(a.fake.Offset, " records"))
	}
}

// TestATokenSendsUnderItsSources holds that neither a notification nor a retraction
// gets past the sources of its token, in any form.
func TestATokenSendsUnderItsSources(t *testing.T) {
	token, err := auth.Token{Subject: "orders", Scopes: []string{auth.ScopeNotify}, Sources: []string{"/eu/*"}, TTL: time.Hour}.Sign([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, mediaType, body string
		want                  int
	}{
		{"/v1/notifications", "", `{"recipient":"u","title":"x"}`, 202},
		{"/v1/notifications", "", `{"recipient":"u","title":"x","source":"/eu/shop"}`, 202},
		{"/v1/notifications", "", `{"recipient":"u","title":"x","source":"billing"}`, 403},
		{"/v1/notifications", "", `[{"recipient":"u","title":"x"},{"recipient":"u","title":"x","source":"billing"}]`, 403},
		{"/v1/notifications", "application/cloudevents+json",
			`{"specversion":"1.0","id":"1","source":"billing","type":"t","data":{"recipient":"u","title":"x"}}`, 403},
		{"/v1/retractions", "", `{"recipient":"u","id":"1"}`, 202},
		{"/v1/retractions", "", `{"recipient":"u","source":"billing","id":"1"}`, 403},
		{"/v1/retractions", "", `[{"recipient":"u","source":"billing","id":"1"}]`, 403},
	} {
		a := newAPI(t, withJWT(t))
		headers := []string{"Authorization", "Bearer " + token}
		if tt.mediaType != "" {
			headers = append(headers, "Content-Type", tt.mediaType)
		}
		got := a.call(http.MethodPost, tt.path, tt.body, headers...).Want(tt.want)
		if written := len(a.fake.Journal); (written > 0) != (tt.want == 202) {
			t.Errorf("%s: %d records written after %d: %s", tt.body, written, got.Code, got.Body)
		}
	}
}
