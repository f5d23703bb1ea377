package server

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/server/auth"
)

// TestPollExcess has a user ask without end: after a burst the rest is refused
// but for the pace allowed, and nobody else is.
func TestPollExcess(t *testing.T) {
	for _, path := range []string{"/v1/users/u/unread", "/v1/users/u/unread?min_version=0"} { // the short way and the long one
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, withJWT(t))
				token := "Bearer " + mint(t, "u")
				poll := func(method string) reply {
					return a.call(method, path, "", "If-None-Match", `"0.0.0"`, "Authorization", token)
				}
				for range pollBurst {
					poll("GET").Want(304)
				}
				refused := poll("GET").Want(429).wantHeader("Retry-After", "2").wantHeader("X-Poll-Interval", "30").wantHeader("Cache-Control", "no-store")
				if p := into[problem](refused); p.Status != 429 || p.Title == "" || p.Detail == "" {
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
				if want := 10 * 60 * pollClients / 30; answered < want-1 || answered > want+1 {
					t.Errorf("answered %d in ten minutes, want %d", answered, want)
				}
				time.Sleep(pollBurst * DefaultPollInterval / pollClients)
				for range pollBurst {
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
		next := make([]time.Time, pollClients)
		for step := range 3500 {
			if step == 1500 {
				a.load.requests.Add(4 * a.load.capacity) // from now on busy
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

func TestPollLimitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPollLimit()
		l.max = 10
		take := func(user int) time.Duration { return l.take(fmt.Sprint(user), 20*time.Second, time.Now()) }
		time.Sleep(time.Minute)
		for user := range 100 {
			if wait := take(user); wait != 0 {
				t.Errorf("user %d has to wait %s at the first poll", user, wait)
			}
		}
		if len(l.due) != 10 {
			t.Errorf("knows %d users, want 10", len(l.due))
		}
		// Those it knows are held to the rule all the same.
		for range pollBurst - 1 {
			take(3)
		}
		if take(3) == 0 {
			t.Error("one that is known may ask as often as it likes")
		}
		// Later there is nothing to know of the others.
		time.Sleep(2 * time.Second)
		for user := range 9 {
			take(200 + user)
		}
		if _, known := l.due[0]; known || len(l.due) != 10 || take(3) > 0 {
			t.Errorf("knows %d users, want user 3 and the newcomers", len(l.due))
		}
	})
}
