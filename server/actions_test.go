package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/command"
	"github.com/belfry/belfry/server/wire"
)

func TestActions(t *testing.T) {
	a := newAPI(t)
	second := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Title: belfry.PlainText("2"), Category: "c"}}
	a.Append("u", servertest.Note("1"), second, servertest.Note("3"))
	steps := []struct {
		action, body   string
		unread, unseen int
		listed         string
	}{
		{"seen", `{"up_to":2}`, 3, 1, "3 2 1"},
		{"read", `{"seqs":[1,99]}`, 2, 1, "3 2 1"},
		{"unread", `{"seqs":[1]}`, 3, 1, "3 2 1"},
		{"read", `{"up_to":2,"category":"none"}`, 3, 1, "3 2 1"},
		{"read", `{"up_to":2}`, 1, 1, "3 2 1"},
		{"archive", `{"seqs":[3],"up_to":null}`, 0, 0, "2 1"},
		{"unarchive", `{"seqs":[3]}`, 1, 1, "3 2 1"},
		{"delete", `{"up_to":0,"category":"c"}`, 1, 1, "3 2 1"},
		{"read", `{"up_to":11}`, 0, 0, "3 2 1"},
		{"delete", `{"up_to":18446744073709551615,"category":"c"}`, 0, 0, "3 1"},
		{"delete", `{"seqs":[1,3],"category":null}`, 0, 0, ""},
	}
	for i, step := range steps {
		got := a.call("POST", "/v1/users/u/inbox/"+step.action, step.body).Want(200)
		version := uint64(4 + i)
		got.WantHeader("ETag", fmt.Sprintf(`"7.%d.0"`, version)).WantHeader("Cache-Control", "private, no-cache")
		if b := servertest.Into[wire.Badge](got); b.User != "u" || b.Unread != step.unread || b.Unseen != step.unseen || b.Version != version {
			t.Errorf("%s %s: got %+v, want %d unread, %d unseen", step.action, step.body, b, step.unread, step.unseen)
		}
		if got := titles(servertest.Into[shownPage](a.get("/v1/users/u/inbox")).Items); got != step.listed {
			t.Errorf("%s %s: got list %q, want %q", step.action, step.body, got, step.listed)
		}
	}
}

func TestActionsBadBody(t *testing.T) {
	seqs := func(n int) string { return `{"seqs":[0` + strings.Repeat(",1", n-1) + `]}` }
	tests := []struct {
		action, body string
		status       int
		field        string
	}{
		{"read", ``, 415, ""}, // no content type either
		{"read", ` `, 400, ""},
		{"read", `x`, 400, ""},
		{"read", `{"seqs":[1]} x`, 400, ""},
		{"read", `{"seqs":[1]}{}`, 400, ""},
		{"read", `[1]`, 400, ""},
		{"read", `{"seqs":[1],"seqs":[2]}`, 400, "seqs"},
		{"read", `{"seqs":[1],"s\u0065qs":[2]}`, 400, "seqs"},
		{"read", `null`, 400, "seqs"},
		{"read", `{}`, 400, "seqs"},
		{"read", `{"seqs":null}`, 400, "seqs"},
		{"read", `{"seqs":[]}`, 400, "seqs"},
		{"read", `{"seqs":1}`, 400, "seqs"},
		{"read", `{"seqs":[1,-2]}`, 400, "seqs[1]"},
		{"read", `{"seqs":[1.5]}`, 400, "seqs[0]"},
		{"read", `{"seqs":[1.0]}`, 400, "seqs[0]"},
		{"read", `{"seqs":[1e3]}`, 400, "seqs[0]"},
		{"read", `{"seqs":["1"]}`, 400, "seqs[0]"},
		{"read", `{"seqs":[null]}`, 400, "seqs[0]"},
		{"read", `{"seqs":[18446744073709551616]}`, 400, "seqs[0]"},
		{"read", seqs(1001), 400, "seqs"},
		{"read", seqs(1000), 200, ""},
		{"read", `{"seqs":[1],"up_to":1}`, 200, ""},
		{"read", `{"seqs":[],"up_to":1}`, 400, "seqs"},
		{"read", `{"seqs":[1],"category":"c"}`, 400, "category"},
		{"read", `{"category":"c"}`, 400, "seqs"},
		{"read", `{"up_to":-1}`, 400, "up_to"},
		{"read", `{"up_to":"1"}`, 400, "up_to"},
		{"read", `{"up_to":1,"category":1}`, 400, "category"},
		{"read", `{"up_to":1,"category":"` + string(make129()) + `"}`, 400, "category"},
		{"read", `{"up_to":1,"category":""}`, 400, "category"},
		{"read", `{"up_to":1,"category":null}`, 400, "category"},
		{"archive", `{"up_to":1,"category":""}`, 400, "category"},
		{"delete", `{"up_to":1,"category":""}`, 400, "category"},
		{"delete", `{"up_to":1,"category":null}`, 400, "category"},
		{"delete", `{"up_to":1}`, 400, "category"},
		{"delete", `{"category":"c"}`, 400, "seqs"},
		{"delete", `{"seqs":[]}`, 400, "seqs"},
		{"read", `{"up_to":1,"unknown":{}}`, 200, ""},
		{"unread", `{"up_to":1}`, 400, "up_to"},
		{"unarchive", `{"up_to":1}`, 400, "up_to"},
		{"read", `{"seqs":[` + strings.Repeat(" ", command.MaxBytes) + `]}`, 413, ""},
	}
	a := newAPI(t)
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %.30s", tt.action, tt.body), func(t *testing.T) {
			a := newAPIWith(t, a)
			before := a.fake.Offset
			got := a.call("POST", "/v1/users/u/inbox/"+tt.action, tt.body)
			if tt.status == 200 {
				got.Want(200)
				return
			}
			got.WantProblem(tt.status, tt.field)
			if a.fake.Offset != before {
				t.Error("it was written all the same")
			}
		})
	}
}

// TestActionsReadYourWrites has the row show a command late, or too late.
func TestActionsReadYourWrites(t *testing.T) {
	for _, tt := range []struct {
		late   time.Duration
		status int
		unread int
		etag   string
	}{
		{time.Second, 200, 0, `"7.2.0"`},
		{3 * time.Second, 202, 1, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t)
			a.notify("u", "1")
			a.fake.HoldRows = true
			timer := time.AfterFunc(tt.late, a.fake.Release)
			defer timer.Stop()
			start := time.Now()
			got := a.call("POST", "/v1/users/u/inbox/read", `{"seqs":[1]}`).Want(tt.status).WantHeader("ETag", tt.etag)
			if took, want := time.Since(start), min(tt.late, wire.MaxWait); took != want {
				t.Errorf("took %s, want %s", took, want)
			}
			if b := servertest.Into[wire.Badge](got); b.Unread != tt.unread || b.Version == 0 || b.Cursor == "" {
				t.Errorf("got %+v, want %d unread", b, tt.unread)
			}
		})
	}
}

// TestActionsJournalDown has the broker be unavailable: the client may try
// again and learns nothing of our insides; the operator does.
func TestActionsJournalDown(t *testing.T) {
	var log strings.Builder
	a := newAPI(t, withLog(&log))
	a.fake.AppendErr = errors.New("dial tcp 10.0.0.9:9092: refused")
	got := a.call("POST", "/v1/users/secret-user/inbox/read", `{"seqs":[1]}`).WantProblem(503, "")
	if strings.Contains(got.Body.String(), "10.0.0.9") {
		t.Errorf("the answer tells of our insides: %s", got.Body)
	}
	if !strings.Contains(log.String(), "10.0.0.9") || !strings.Contains(log.String(), actionRoute) || strings.Contains(log.String(), "secret-user") {
		t.Errorf("got log %q, want the cause and the route but no user", log.String())
	}
	a.fake.AppendErr = &belfry.FieldError{TooLarge: true, Problem: "over the broker's limit"}
	a.call("POST", "/v1/notifications", `{"recipient":"u","title":"x"}`).WantProblem(413, "")
}

const actionRoute = "/v1/users/{user}/inbox/{action}"
