package server

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
)

// TestPollExcess has a user ask without end: after a burst the rest is refused
// but for the pace allowed, and nobody else is.
func TestPollExcess(t *testing.T) {
	for _, path := range []string{"/v1/users/u/unread", "/v1/users/u/unread?min_version=0"} { // the short way and the long one
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, withJWT(t))
				token := "Bearer " + mint(t, "u")
				poll := func(method string) servertest.Reply {
					return a.call(method, path, "", "If-None-Match", `"0.0.0"`, "Authorization", token)
				}
				for range limit.PollBurst {
					poll("GET").Want(304)
				}
				refused := poll("GET").Want(429).WantHeader("Retry-After", "2").WantHeader("X-Poll-Interval", "30").WantHeader("Cache-Control", "no-store")
				if p := servertest.Into[problem](refused); p.Status != 429 || p.Title == "" || p.Detail == "" {
					t.Errorf("got problem %+v", p)
				}
				poll("HEAD").Want(429)
				// Others, and other calls of the same user, go on.
				a.get("/v1/users/v/unread", "Authorization", "Bearer "+mint(t, "v")).Want(200)
				a.get("/v1/users/u/inbox", "Authorization", token).Want(200)
				a.get("/v1/users/u/unread", "Authorization", "Bearer "+mint(t, "ops", auth.ScopeAdmin)).Want(200)

				time.Sleep(2 * time.Second)
				poll("GET").Want(304)
				poll("GET").Want(429)
				answered := 0
				for range 10 * 60 { // ten minutes, once a second
					time.Sleep(time.Second)
					if poll("GET").Code == http.StatusNotModified {
						answered++
					}
				}
				if want := 10 * 60 * limit.PollClients / 30; answered < want-1 || answered > want+1 {
					t.Errorf("answered %d in ten minutes, want %d", answered, want)
				}
				time.Sleep(limit.PollBurst * DefaultPollInterval / limit.PollClients)
				for range limit.PollBurst {
					poll("GET").Want(304)
				}
			})
		})
	}
}

// Clients that do as they are told are never refused, however many there are of
// one user within the limit of streams, and whatever they are told.
func TestPollsAsToldAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		token := "Bearer " + mint(t, "u")
		next := make([]time.Time, limit.PollClients)
		for step := range 3500 {
			if step == 1500 {
				a.load.Requests.Add(4 * a.load.Capacity) // from now on busy
			}
			for i := range next {
				if time.Now().Before(next[i]) {
					continue
				}
				got := a.get("/v1/users/u/unread", "If-None-Match", `"0.0.0"`, "Authorization", token).Want(304)
				wait, err := strconv.Atoi(got.Header().Get("X-Poll-Interval"))
				if want := 30; err != nil || step < 1500 && wait != want || step > 1500 && wait != 5*want {
					t.Fatalf("told to wait %d s, %v, at %d", wait, err, step)
				}
				next[i] = time.Now().Add(time.Duration(wait) * time.Second)
			}
			time.Sleep(time.Second)
		}
	})
}
