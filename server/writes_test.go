package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
)

func TestWritesAreLimitedPerSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t), func(c *Config) { c.Limits.WriteRate, c.Limits.WriteBurst = 0.25, 3 })
		send := func(subject string) servertest.Reply {
			return a.call("POST", "/v1/notifications", `{"recipient":"a","title":"x"}`, "Authorization", "Bearer "+mint(t, subject, auth.ScopeNotify))
		}
		for range 3 {
			send("billing").Want(202)
		}
		send("billing").WantProblem(429, "").WantHeader("Retry-After", "4")
		send("billing").WantProblem(429, "").WantHeader("Retry-After", "4") // a refused call costs nothing
		send("board").Want(202)
		// Reading goes on, as does who may not write anyway.
		a.get("/v1/unread?user=a", "Authorization", "Bearer "+mint(t, "billing", auth.ScopeNotify)).Want(200)
		a.call("POST", "/v1/notifications", `{}`, "Authorization", "Bearer "+mint(t, "billing")).WantProblem(403, "")
		a.call("POST", "/v1/retractions", `{"recipient":"a","id":"x"}`, "Authorization", "Bearer "+mint(t, "billing", auth.ScopeNotify)).WantProblem(429, "")
		time.Sleep(1500 * time.Millisecond)
		send("billing").WantProblem(429, "").WantHeader("Retry-After", "3")
		time.Sleep(2500 * time.Millisecond)
		send("billing").Want(202)
		send("billing").WantProblem(429, "")
	})
}

// TestServicesWriteMore has a service write what one core carries, and a person
// who could only mean that for mischief not.
func TestServicesWriteMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		accepted := func(calls int, path, body, token string, status int) (n int) {
			for range calls {
				if a.call("POST", path, body, "Authorization", "Bearer "+token).Code == status {
					n++
				}
			}
			return n
		}
		if got := accepted(2400, "/v1/notifications", `{"recipient":"a","title":"x"}`, mint(t, "billing", auth.ScopeNotify), 202); got != 2400 {
			t.Errorf("%d of 2,400 calls of a service were accepted", got)
		}
		if got := accepted(DefaultWriteBurst+10, "/v1/users/a/inbox/read", `{"seqs":[1]}`, mint(t, "a"), 200); got != DefaultWriteBurst {
			t.Errorf("%d calls of a person were accepted, want %d", got, DefaultWriteBurst)
		}
	})
}

// TestListsAreLimitedPerSubject holds that lists and exports of a person have a rate,
// and a service's are more.
func TestListsAreLimitedPerSubject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t), func(c *Config) { c.Limits.ListRate, c.Limits.ListBurst = 0.5, 12 })
		get := func(call, subject string) servertest.Reply {
			return a.get("/v1/users/"+subject+call, "Authorization", "Bearer "+mint(t, subject))
		}
		get("/export", "kim").Want(200)
		get("/inbox", "kim").Want(200)
		get("/inbox", "kim").Want(200)
		get("/inbox", "kim").WantProblem(429, "").WantHeader("Retry-After", "2")
		get("/export", "kim").WantProblem(429, "").WantHeader("Retry-After", "24")
		get("/inbox", "lee").Want(200)
		get("/unread", "kim").Want(200)
		badges := func() servertest.Reply {
			return a.get("/v1/unread?user=kim&user=lee", "Authorization", "Bearer "+mint(t, "board", auth.ScopeNotify))
		}
		for range 12 {
			badges().Want(200)
		}
		badges().WantProblem(429, "").WantHeader("Retry-After", "2")
		time.Sleep(2 * time.Second)
		get("/inbox", "kim").Want(200)
		get("/inbox", "kim").WantProblem(429, "")

		a = newAPI(t, withJWT(t))
		accepted := 0
		for range DefaultListBurst + 10 {
			if get("/inbox", "kim").Code == 200 {
				accepted++
			}
			a.get("/v1/users/kim/inbox", "Authorization", "Bearer "+mint(t, "board", auth.ScopeAdmin)).Want(200)
		}
		if accepted != DefaultListBurst {
			t.Errorf("%d lists of a person were accepted, want %d", accepted, DefaultListBurst)
		}
	})
}

// TestFullListsAreSeveral holds that a list counts by what is read for it: one of small
// items is one, one of a hundred full items is 25.
func TestFullListsAreSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		for range 100 {
			a.Append("kim", inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
				Recipient: "kim", Title: belfry.PlainText("x"), Body: belfry.PlainText(strings.Repeat("y", belfry.MaxItemBytes-1)), Priority: belfry.PriorityNormal,
			}})
		}
		a.notify("lee", "small")
		accepted := func(user string) (n int) {
			for range DefaultListBurst {
				if a.get("/v1/users/"+user+"/inbox?limit=100", "Authorization", "Bearer "+mint(t, user)).Code == 200 {
					n++
				}
			}
			return n
		}
		if n := accepted("kim"); n != DefaultListBurst/25 {
			t.Errorf("%d full lists at once, want %d", n, DefaultListBurst/25)
		}
		if n := accepted("lee"); n != DefaultListBurst {
			t.Errorf("%d small lists at once, want %d", n, DefaultListBurst)
		}

		// Side by side, they are all taken before the first of them is charged.
		time.Sleep(time.Minute)
		statuses := make([]int, DefaultListBurst)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() {
				statuses[i] = a.get("/v1/users/kim/inbox?limit=100", "Authorization", "Bearer "+mint(t, "kim")).Code
			})
		}
		all.Wait()
		counts := map[int]int{}
		for _, status := range statuses {
			counts[status]++
		}
		if most := DefaultListBurst/25 + runtime.GOMAXPROCS(0); counts[200] == 0 || counts[200] > most || counts[200]+counts[429] != DefaultListBurst {
			t.Errorf("answers of full lists side by side: %v, want at most %d of 200 and others of 429", counts, most)
		}
	})
}

// TestLargeCallsAreSeveral holds that a call counts as one more for each 4 KiB that it
// writes beyond 16, also beside others that were taken with it.
func TestLargeCallsAreSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst = 100
		a := newAPI(t, withJWT(t), func(c *Config) { c.Limits.WriteRate, c.Limits.WriteBurst = 1, burst })
		token := "Bearer " + mint(t, "billing", auth.ScopeNotify)
		large := `[` + strings.Repeat(`{"recipient":"a","title":"x","body":"`+strings.Repeat("y", writeBytes)+`"},`, 19) + `{"recipient":"a","title":"x"}]`
		cost := 1 + len(large)/writeBytes
		statuses := make([]int, burst)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() {
				statuses[i] = a.call("POST", "/v1/notifications", large, "Authorization", token).Code
			})
		}
		all.Wait()
		counts := map[int]int{}
		for _, status := range statuses {
			counts[status]++
		}
		// Some are taken as one each before the first counts for more.
		if counts[202] == 0 || counts[202] > burst/cost || counts[202]+counts[429] != burst {
			t.Errorf("answers of %d calls that count as %d each, side by side: %v", burst, cost, counts)
		}
		time.Sleep(time.Hour)
		for n := range 2 * burst {
			status := a.call("POST", "/v1/notifications", large, "Authorization", token).Code
			if n < burst/cost && status != 202 {
				t.Errorf("call %d that counts as %d: %d", n+1, cost, status)
			}
			if n > burst/cost+1 && status != 429 {
				t.Errorf("call %d that counts as %d: %d", n+1, cost, status)
			}
		}
	})
}

// TestRecipientsAreWrites holds that a call counts as one more for each 16 recipients.
func TestRecipientsAreWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst, recipients = 100, 320
		a := newAPI(t, withJWT(t), func(c *Config) { c.Limits.WriteRate, c.Limits.WriteBurst = 1, burst })
		body := `{"recipients":["u0"`
		for i := 1; i < recipients; i++ {
			body += fmt.Sprintf(`,"u%d"`, i)
		}
		body += `],"title":"x"}`
		const cost = 1 + recipients/writeRecipients
		accepted := 0
		for range burst {
			if a.call("POST", "/v1/notifications", body, "Authorization", "Bearer "+mint(t, "billing", auth.ScopeNotify)).Code == 202 {
				accepted++
			}
		}
		if want := (burst + cost - 1) / cost; accepted != want {
			t.Errorf("%d calls to %d recipients were taken at once, want %d", accepted, recipients, want)
		}
	})
}

// TestProxiesThatTellNoAddressHaveAllTurns holds that those who come over a trusted proxy
// which does not say for whom it asks are not taken for one client.
func TestProxiesThatTellNoAddressHaveAllTurns(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	r := httptest.NewRequest(http.MethodGet, "/", nil) // of 192.0.2.1
	for i := range max(4, 2*runtime.GOMAXPROCS(0)) {
		leave, err := a.worksFor(t.Context(), r, auth.Identity{Subject: fmt.Sprint(i)})
		if err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
		defer leave()
	}
}

// TestLargeCallsTakeTurns has one sender's large calls wait for their turns while others
// of his, and everybody's else, do not.
func TestLargeCallsTakeTurns(t *testing.T) {
	a := newAPI(t, withJWT(t))
	small := `{"recipient":"a","title":"x"}`
	large := `[` + strings.Repeat(small+",", largeCall/len(small)) + small + `]`
	post := func(subject, body string) int {
		return a.call("POST", "/v1/notifications", body, "Authorization", "Bearer "+mint(t, subject, auth.ScopeNotify)).Code
	}
	// All his turns are taken.
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		leave, err := a.work.Enter(t.Context(), "greedy", netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	for subject, body := range map[string]string{"greedy": small, "other": large} {
		if status := post(subject, body); status != 202 {
			t.Errorf("%s is answered %d", subject, status)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	parsed := false
	_, err := a.parsed(r, auth.Call{Identity: auth.Identity{Subject: "greedy"}}, []byte(large), func(http.Header, []byte, string) ([]belfry.Message, error) {
		parsed = true
		return nil, nil
	})
	if !errors.Is(err, limit.ErrWork) || parsed {
		t.Errorf("a large call whose turn did not come: %v, parsed %t", err, parsed)
	}
}

func TestWritesWithoutALimit(t *testing.T) {
	open := newAPI(t, func(c *Config) { c.Limits.WriteRate, c.Limits.WriteBurst = 0.001, 1 })
	off := newAPI(t, withJWT(t), func(c *Config) { c.Limits.WriteRate, c.Limits.WriteBurst = -1, 1 })
	token := "Bearer " + mint(t, "billing", auth.ScopeNotify)
	for range 10 {
		open.call("POST", "/v1/notifications", `{"recipient":"a","title":"x"}`).Want(202)
		off.call("POST", "/v1/notifications", `{"recipient":"a","title":"x"}`, "Authorization", token).Want(202)
	}
}

// TestNoticesCountAsManyCalls holds that a notice counts as so many calls that write.
func TestNoticesCountAsManyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newBroadcastAPI(t, withJWT(t), func(c *Config) { c.Limits.WriteRate, c.Limits.WriteBurst = 10, 120 })
		send := func(id string) servertest.Reply {
			return a.call("POST", "/v1/notifications", `{"audience":"all","id":"`+id+`","title":"x"}`, "Authorization", "Bearer "+mint(t, "board", auth.ScopeBroadcast))
		}
		send("a").Want(202)
		send("b").Want(202)
		send("c").Want(202)
		send("d").WantProblem(429, "").WantHeader("Retry-After", "4")
		time.Sleep(4 * time.Second)
		send("d").Want(202)
	})
}

// TestStreamsOpenAtAPace holds that a person may open what a user's streams are three
// times over at once and then two a second, a service what a server holds, and that one
// too many costs no EventSource its life.
func TestStreamsOpenAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t), func(c *Config) { c.Streams.PerUser = 5 })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		opened := func(calls int, token string) (n int) {
			a.ctx = ctx // who opens one and goes
			for range calls {
				if got := a.get("/v1/users/kim/stream", "Authorization", "Bearer "+token).Want(200); !strings.Contains(got.Body.String(), `{"reason":"limit"}`) {
					n++
				}
			}
			return n
		}
		if n := opened(30, mint(t, "kim")); n != 15 {
			t.Errorf("%d streams were opened at once, want 15", n)
		}
		if n := opened(500, mint(t, "gateway", auth.ScopeAdmin)); n != 500 {
			t.Errorf("%d of 500 streams of a gateway were opened", n)
		}
		time.Sleep(2 * time.Second)
		if n := opened(30, mint(t, "kim")); n != 4 {
			t.Errorf("%d streams were opened in two seconds, want 4", n)
		}
	})
}

// TestOperatorsListAtAPace holds that what operators list counts as well: a page of dead
// letters reads their topic, one of notices all boards.
func TestOperatorsListAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newBroadcastAPI(t, withJWT(t), func(c *Config) { c.Limits.ListRate, c.Limits.ListBurst = 0.5, 10 })
		get := func(path, subject, scope string) servertest.Reply {
			return a.get(path, "Authorization", "Bearer "+mint(t, subject, scope))
		}
		for range 10 {
			get("/v1/ops/broadcasts", "board", auth.ScopeOps).Want(200)
		}
		get("/v1/ops/broadcasts", "board", auth.ScopeOps).WantProblem(429, "").WantHeader("Retry-After", "2")
		if got := get("/v1/ops/dead-letters", "chief", auth.ScopeAdmin).Code; got == 429 {
			t.Error("the first page of dead letters is refused")
		}
		get("/v1/ops/dead-letters", "chief", auth.ScopeAdmin).WantProblem(429, "").WantHeader("Retry-After", "20")
		get("/v1/ops/topics/acme.journal/records", "chief", auth.ScopeAdmin).WantProblem(429, "").WantHeader("Retry-After", "20")
		get("/v1/ops/users/kim/journal", "chief", auth.ScopeAdmin).WantProblem(429, "").WantHeader("Retry-After", "20")
		get("/v1/ops/users/kim", "chief", auth.ScopeAdmin).WantProblem(429, "").WantHeader("Retry-After", "2")
	})
}
