package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

// askTicket asks for a ticket with a token.
func (a *api) askTicket(user, token string) string {
	a.t.Helper()
	got := a.call("POST", "/v1/users/"+user+"/tickets", "", "Authorization", "Bearer "+token).Want(200)
	got.WantHeader("Cache-Control", "no-store")
	body := servertest.Into[struct {
		Ticket    string
		ExpiresIn int `json:"expires_in"`
	}](got)
	if body.Ticket == "" || body.ExpiresIn != 30 {
		a.t.Fatalf("got %+v, want a ticket for 30 s", body)
	}
	return body.Ticket
}

// stream opens a user's stream with a ticket and returns what came until it
// ended, after a second at the latest.
func (a *api) stream(user, ticket string) servertest.Reply {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Second)
	defer cancel()
	b := &api{t: a.t, ctx: ctx, fake: a.fake, Server: a.Server}
	return b.get("/v1/users/" + user + "/stream?ticket=" + url.QueryEscape(ticket))
}

const byeExpiredFrame = "event: bye\ndata: {\"reason\":\"expired\"}\n"

// wantRefused checks for a stream that says bye and to come back much later.
func wantRefused(r servertest.Reply) {
	r.T.Helper()
	body := r.Want(200).Body.String()
	var retry int
	if _, err := fmt.Sscanf(body, "retry: %d\n", &retry); err != nil || retry < 30_000 || !strings.Contains(body, byeExpiredFrame) {
		r.T.Errorf("got %q, want a retry of at least 30 s and bye", body)
	}
}

func TestTicketOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		ticket := a.askTicket("a", mint(t, "a"))
		if body := a.stream("a", ticket).Want(200).Body.String(); !strings.Contains(body, "event: unread") {
			t.Errorf("got %q, want the stream", body)
		}
		wantRefused(a.stream("a", ticket))
		// Not in its last moment either, nor ever after.
		time.Sleep(auth.TicketLife + auth.DefaultLeeway - 3*time.Second)
		wantRefused(a.stream("a", ticket))
		time.Sleep(time.Hour)
		wantRefused(a.stream("a", ticket))
	})
}

// TestTicketsThatOpenNothingAreNotSpent has one user open as many streams as he may, and more
// by tickets: these are good afterwards, and take no room of those that are remembered.
func TestTicketsThatOpenNothingAreNotSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t), func(c *Config) { c.Streams.PerUser = 1 })
		token := mint(t, "a")
		var tickets []string
		for range openBurst + 1 {
			tickets = append(tickets, a.askTicket("a", token))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a.ctx = ctx // who opens one and goes
		open := func(ticket string) servertest.Reply {
			return a.get("/v1/users/a/stream?ticket=" + url.QueryEscape(ticket))
		}
		for i, ticket := range tickets {
			if body := open(ticket).Want(200).Body.String(); strings.Contains(body, `{"reason":"limit"}`) != (i == openBurst) {
				t.Fatalf("stream %d: got %q, want the last one to be too many", i, body)
			}
		}
		time.Sleep(time.Second)
		if body := open(tickets[openBurst]).Want(200).Body.String(); strings.Contains(body, "bye") {
			t.Errorf("got %q, want the stream", body)
		}
		wantRefused(open(tickets[openBurst]))
	})
}

// TestTicketOnAnyServer has another server with the same secret take a ticket,
// once as well, and one with another secret refuse it.
func TestTicketOnAnyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newAPI(t, withJWT(t)), newAPI(t, withJWT(t))
		ticket := a.askTicket("a", mint(t, "a"))
		if body := b.stream("a", ticket).Want(200).Body.String(); !strings.Contains(body, "event: unread") {
			t.Errorf("got %q, want the stream", body)
		}
		wantRefused(b.stream("a", ticket))
		own := func(secret string) func(*Config) { return func(c *Config) { c.TicketSecret = []byte(secret) } }
		c := newAPI(t, withJWT(t), own("another secret that is long enough to be one"))
		c.stream("a", ticket).WantProblem(401, "")
		d := newAPI(t, withJWT(t), own("another secret that is long enough to be one"))
		if body := d.stream("a", c.askTicket("a", mint(t, "a"))).Want(200).Body.String(); !strings.Contains(body, "event: unread") {
			t.Errorf("got %q, want the stream", body)
		}
	})
}

func TestTicketExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		early, late := a.askTicket("a", mint(t, "a")), a.askTicket("a", mint(t, "a"))
		time.Sleep(auth.TicketLife - time.Second)
		if body := a.stream("a", early).Want(200).Body.String(); !strings.Contains(body, "event: unread") {
			t.Errorf("got %q after 29 s, want the stream", body)
		}
		time.Sleep(auth.DefaultLeeway + time.Second)
		wantRefused(a.stream("a", late))
	})
}

// TestTicketIsNoOlderThanItsServer has a server be started again: it does not know which
// tickets it took before, and takes none of those.
func TestTicketIsNoOlderThanItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		ticket := a.askTicket("a", mint(t, "a"))
		a.stream("a", ticket).Want(200)
		time.Sleep(2 * time.Second)
		again := newAPI(t, withJWT(t))
		wantRefused(again.stream("a", ticket))
		if body := again.stream("a", again.askTicket("a", mint(t, "a"))).Want(200).Body.String(); strings.Contains(body, "event: bye") {
			t.Errorf("got %.200q for a new one", body)
		}
	})
}

// TestTicketEndsWithToken has a stream end when the token does that its ticket
// was asked for with.
func TestTicketEndsWithToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		start := time.Now()
		ticket := a.askTicket("a", mint(t, "a"))
		body := a.get("/v1/users/a/stream?ticket=" + ticket).Want(200).Body.String()
		// As long as a call with the token is answered.
		if got := time.Since(start) - auth.DefaultLeeway; got < time.Hour-time.Second || got > time.Hour {
			t.Errorf("the stream ended %s and the leeway after it began, want the token's hour", got)
		}
		if !strings.Contains(body, `{"reason":"expired"}`) {
			t.Errorf("got %.200q, want bye", body)
		}
	})
}

func TestTicketRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		token := mint(t, "a")
		ticket := a.askTicket("a", token)
		sign := func(key any, m jwt.SigningMethod, c jwt.MapClaims) string {
			out, err := jwt.NewWithClaims(m, c).SignedString(key)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		hour := time.Now().Add(time.Hour).Unix()
		key, err := hkdf.Key(sha256.New, []byte(testSecret), nil, "belfry stream ticket 1", sha256.Size)
		if err != nil {
			t.Fatal(err)
		}
		for name, query := range map[string]string{
			"nothing":                 "ticket=",
			"garbage":                 "ticket=garbage",
			"changed":                 "ticket=" + ticket[:len(ticket)-4] + "AAAA",
			"a token":                 "ticket=" + token,
			"signed by the secret":    "ticket=" + sign([]byte(testSecret), jwt.SigningMethodHS256, jwt.MapClaims{"sub": "a", "exp": hour, "jti": "x"}),
			"not signed":              "ticket=" + sign(jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodNone, jwt.MapClaims{"sub": "a", "exp": hour, "jti": "x"}),
			"without an end":          "ticket=" + sign(key, jwt.SigningMethodHS256, jwt.MapClaims{"sub": "a", "jti": "x"}),
			"without an id":           "ticket=" + sign(key, jwt.SigningMethodHS256, jwt.MapClaims{"sub": "a", "exp": hour}),
			"two tickets":             "ticket=" + ticket + "&ticket=" + ticket,
			"nothing, but a last id":  "last_event_id=7.1",
			"by another name":         "Ticket=" + ticket,
			"expired, another secret": "ticket=" + sign([]byte(testSecret), jwt.SigningMethodHS256, jwt.MapClaims{"sub": "a", "exp": 1, "jti": "x"}),
		} {
			if got := a.get("/v1/users/a/stream?" + query); got.Code != 401 {
				t.Errorf("%s: got %d, want 401", name, got.Code)
			}
		}
		a.get("/v1/users/b/stream?ticket="+ticket).WantProblem(403, "")
		// Tickets open streams and nothing else, and are no tokens.
		a.get("/v1/users/a/unread?ticket="+ticket).WantProblem(401, "")
		a.get("/v1/users/a/unread", "Authorization", "Bearer "+ticket).WantProblem(401, "")
		// None of that has used it.
		if body := a.stream("a", ticket).Want(200).Body.String(); !strings.Contains(body, "event: unread") {
			t.Errorf("got %q, want the stream", body)
		}
		// One that is no longer good tells nothing on another's stream.
		a.get("/v1/users/b/stream?ticket="+ticket).WantProblem(403, "")
		time.Sleep(time.Minute)
		a.get("/v1/users/b/stream?ticket="+ticket).WantProblem(401, "")
		// A token beside it is what counts.
		a.get("/v1/users/a/stream?ticket=garbage", "Authorization", "Bearer "+mint(t, "b")).WantProblem(403, "")
	})
}

// TestTicketForAnAdmin has who may act for any user ask for one's ticket.
func TestTicketForAnAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		ticket := a.askTicket("사용자-7", mint(t, "root", auth.ScopeAdmin))
		a.get("/v1/users/root/stream?ticket="+ticket).WantProblem(403, "")
		if body := a.stream("사용자-7", ticket).Want(200).Body.String(); !strings.Contains(body, `"user":"사용자-7"`) {
			t.Errorf("got %q, want the user's stream", body)
		}
	})
}

// TestTicketsWithoutASecret has a server that knows public keys alone: it says
// what it lacks.
func TestTicketsWithoutASecret(t *testing.T) {
	keys, err := auth.NewKeys(auth.KeysConfig{URL: "https://id.example/jwks"})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := auth.NewJWT(auth.JWTConfig{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	a := newAPI(t, func(c *Config) { c.Auth = auth })
	if a.guard.Tickets != nil {
		t.Error("a server without a secret gives tickets")
	}
	a.get("/v1/users/a/stream?ticket=x").WantProblem(401, "")
	a = newAPI(t, withJWT(t))
	a.guard.Tickets = nil
	got := a.call("POST", "/v1/users/a/tickets", "", "Authorization", "Bearer "+mint(t, "a")).WantProblem(501, "")
	if !strings.Contains(got.Body.String(), "ticket secret") {
		t.Errorf("got %s, want it to say what is missing", got.Body)
	}
}

// TestTicketsWithoutAuth lets a page that was written for tickets be tried out.
func TestTicketsWithoutAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		ticket := a.askTicket("a", "")
		if body := a.stream("a", ticket).Want(200).Body.String(); !strings.Contains(body, "event: unread") {
			t.Errorf("got %q, want the stream", body)
		}
		wantRefused(a.stream("a", ticket))
	})
}

// TestTicketReconnect is what a plain EventSource does: its connection breaks,
// it comes back by itself with the same address, and must not be ended for good
// by the answer.
func TestTicketReconnect(t *testing.T) {
	r := run(t, time.Second, withJWT(t))
	r.notify("a", "first")
	path := r.url + "/v1/users/a/stream?ticket=" + r.askTicket("a", mint(t, "a"))
	res := fetch(t, client(t, false), path)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("got %d, want 200", res.StatusCode)
	}
	if err := res.Body.Close(); err != nil { // it breaks
		t.Fatal(err)
	}
	res = fetch(t, client(t, false), path)
	var body strings.Builder
	b := make([]byte, 512)
	for {
		n, err := res.Body.Read(b)
		body.Write(b[:n])
		if err != nil {
			break // the server ends it
		}
	}
	if got := body.String(); res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" ||
		!strings.HasPrefix(got, "retry: ") || !strings.Contains(got, byeExpiredFrame) {
		t.Errorf("got %d %q, want a stream that says bye", res.StatusCode, got)
	}
}
