package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
)

// TestLeavingByPage has a page without a token switch a channel and its categories off and
// on again, and no more than its link is for.
func TestLeavingByPage(t *testing.T) {
	t.Parallel()
	a := newAPI(t, withReach(t), withJWT(t))
	signer := testLinks(t)
	link := func(category string) string {
		return signer.URL(links.Link{Action: links.Unsubscribe, User: "kim", Channel: "mail", Category: category, Until: time.Now().Add(links.UnsubscribeLife)})
	}
	choose := func(link, form string) string {
		t.Helper()
		return a.call("POST", link, form, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded").Want(200).Body.String()
	}
	wants := func(category string, want bool) {
		t.Helper()
		row, err := a.fake.Row("kim")
		if err != nil {
			t.Fatal(err)
		}
		prefs := reach.ReadPrefs(&row)
		if got := prefs.On("mail", category); got != want {
			t.Errorf("mails of %q are on: %v, want %v; preferences %s", category, got, want, row.Reach.Prefs)
		}
	}
	has := func(page string, want ...string) {
		t.Helper()
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("the page lacks %s:\n%s", text, page)
			}
		}
	}
	all := link("")
	has(a.get(all, "Accept", "text/html").Want(200).Body.String(), ">Unsubscribe from all<", `name="category" value="approval"`, `aria-label="board: Unsubscribe"`)
	if a.fake.Offset != 0 {
		t.Error("a GET has written")
	}
	has(choose(all, "category=board"), `aria-label="board: Get them again"`, `aria-label="approval: Unsubscribe"`)
	wants("board", false)
	wants("approval", true)
	has(choose(all, "category=board&on=true"), `aria-label="board: Unsubscribe"`)
	wants("board", true)
	has(choose(all, ""), "You get no more of these messages.", ">Get them again<")
	wants("approval", false)
	// One of a category says nothing of the channel.
	one := link("board")
	if page := choose(one, "on=true"); strings.Contains(page, "<form") {
		t.Errorf("the page offers what its link may not do:\n%s", page)
	}
	wants("board", false)
	has(choose(all, "on=true"), ">Unsubscribe from all<")
	wants("approval", true)
	has(choose(one, "List-Unsubscribe=One-Click"), ">Get them again<", "<bdi>board</bdi>")
	wants("board", false)
	wants("approval", true)
	has(choose(one, "on=true"), "Stop these messages?")
	wants("board", true)

	before := a.fake.Offset
	for _, category := range []string{"approval", strings.Repeat("x", belfry.MaxCategoryBytes+1), "a%00b", "%ff"} {
		a.call("POST", one, "category="+category, "Content-Type", "application/x-www-form-urlencoded").WantProblem(400, "category")
	}
	a.call("POST", one, "on=1", "Content-Type", "application/x-www-form-urlencoded").WantProblem(400, "on")
	choose(one, "on=true") // it is on
	if a.fake.Offset != before {
		t.Error("what a link is not for was written")
	}
	// The page says what will be, where its record is not in the row yet.
	a.fake.HoldRows = true
	has(choose(all, "category=approval"), `aria-label="approval: Get them again"`)
}

// TestOneClick has all that a receiver may send by RFC 8058, and what it may not stumble
// over.
func TestOneClick(t *testing.T) {
	for media, body := range map[string]string{
		"application/x-www-form-urlencoded":                "List-Unsubscribe=One-Click",
		"application/x-www-form-urlencoded; charset=utf-8": "List-Unsubscribe=One-Click",
		"multipart/form-data; boundary=b":                  "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n",
		"text/plain":                                       "",
		"application/json":                                 "{",
		"application/x-www-form-urlencoded;":               "%zz&" + strings.Repeat("x", 10_000),
	} {
		a := newAPI(t, withReach(t), withJWT(t))
		url := testLinks(t).URL(links.Link{Action: links.Unsubscribe, User: "kim", Channel: "mail", Until: time.Now().Add(time.Hour)})
		a.call("POST", url, body, "Content-Type", media, "Origin", "https://mail.example", "Sec-Fetch-Site", "cross-site").Want(204)
		row, _ := a.fake.Row("kim")
		if prefs := reach.ReadPrefs(&row); prefs.On("mail", "board") {
			t.Errorf("%s: the channel is still on", media)
		}
	}
}

// TestBounces has messages come back: by endpoint and by address, for good and for now.
func TestBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t), withJWT(t))
		token := "Bearer " + mint(t, "gateway", "belfry:notify", "belfry:deliver")
		put := func(kind, address string) uint64 {
			t.Helper()
			a.call("PUT", "/v1/users/kim/addresses/"+kind, fmt.Sprintf(`{"address":%q}`, address), "Authorization", token).Want(201)
			row, _ := a.fake.Row("kim")
			return row.Version
		}
		bounce := func(body string) inbox.State {
			t.Helper()
			a.call("POST", "/v1/bounces", body, "Authorization", token).Want(200)
			row, err := a.fake.Row("kim")
			if err != nil {
				t.Fatal(err)
			}
			return row
		}
		seq := put("mail", "kim@Example.COM")
		row := bounce(fmt.Sprintf(`{"recipient":"kim","channel":"mail","endpoint":%d,"kind":"soft","reason":"452 4.2.2 <kim@example.com>: full"}`, seq))
		if e := row.Endpoints(inbox.EndpointMail); len(e) != 1 || e[0].Bounces != 1 || e[0].Bounce != "soft: 452 4.2.2 <…@example.com>: full" {
			t.Errorf("after a soft bounce: %+v", e)
		}
		row = bounce(`{"recipient":"kim","channel":"mail","address":"kim@example.com","kind":"hard","reason":"550 5.1.1"}`)
		if len(row.Endpoints(inbox.EndpointMail)) != 0 || row.Reach.Gone[0].Reason != "hard: 550 5.1.1" {
			t.Errorf("after a hard bounce: %+v", row.Reach)
		}
		put("mail", "kim@bücher.example")
		if row = bounce(fmt.Sprintf(`{"recipient":"kim","channel":"mail","endpoint":%d,"kind":"hard"}`, seq)); len(row.Endpoints(inbox.EndpointMail)) != 1 {
			t.Error("a late bounce of the former address has taken the new one")
		}
		if row = bounce(`{"recipient":"kim","channel":"mail","address":"kim@xn--bcher-kva.example","kind":"hard"}`); len(row.Endpoints(inbox.EndpointMail)) != 0 {
			t.Error("one address in two forms is two")
		}
		row = bounce(`{"recipient":"kim","channel":"mail","kind":"complaint","reason":"abuse"}`)
		if prefs := reach.ReadPrefs(&row); prefs.On("mail", "board") || !prefs.On("browser", "board") {
			t.Errorf("after a complaint: %s", row.Reach.Prefs)
		}

		before := a.fake.Offset
		good := `{"recipient":"kim","channel":"mail","endpoint":7,"kind":"hard"}`
		for _, tt := range []struct {
			old, new string
			status   int
			field    string
		}{
			{`"kim"`, `""`, 400, "recipient"}, {`"kim"`, `"a/b"`, 400, "recipient"}, {`"mail"`, `"fax"`, 400, "channel"}, {`"mail"`, `""`, 400, "channel"},
			{`7`, `0`, 400, "endpoint"}, {`7`, `-1`, 400, "endpoint"}, {`7`, `"x"`, 400, "endpoint"}, {`7`, `null`, 400, "endpoint"}, {`7`, `7,"address":"kim@example.com"`, 400, "address"},
			{`"endpoint":7`, `"address":"kim"`, 400, "address"}, {`"hard"`, `"bounce"`, 400, "kind"}, {`"hard"`, `1`, 400, "kind"}, {`"hard"`, `"hard","reason":3`, 400, "reason"},
			{`"hard"`, `"hard","reason":"` + strings.Repeat("x", 5000) + `"`, 413, "reason"}, {good, `[]`, 400, ""}, {good, strings.Repeat(" ", 9<<10), 413, ""},
		} {
			body := strings.Replace(good, tt.old, tt.new, 1)
			a.call("POST", "/v1/bounces", body, "Authorization", token).WantProblem(tt.status, tt.field)
		}
		a.call("POST", "/v1/bounces", good, "Authorization", "Bearer "+mint(t, "kim", "belfry:notify")).WantProblem(403, "")
		a.call("POST", "/v1/bounces", good).WantProblem(401, "")
		if a.fake.Offset != before {
			t.Error("what is refused was written")
		}
	})
}

// TestLinksAreLimited has whoever holds a message write no more by its link than a person
// does: a link takes no token, so nothing else tells callers apart.
func TestLinksAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t), withJWT(t))
		signer := testLinks(t)
		post := func(user, form string) servertest.Reply {
			link := signer.URL(links.Link{Action: links.Unsubscribe, User: user, Channel: "mail", Until: time.Now().Add(links.UnsubscribeLife)})
			return a.call("POST", link, form, "Content-Type", "application/x-www-form-urlencoded")
		}
		for i := range 60 {
			post("kim", fmt.Sprintf("on=%t", i%2 == 1)).Want(204)
		}
		post("kim", "on=true").Want(204) // it is on: nothing is written
		written := a.fake.Offset
		post("kim", "on=false").WantHeader("Retry-After", "2").WantProblem(429, "")
		if a.fake.Offset != written {
			t.Error("what was refused was written")
		}
		post("lee", "on=false").Want(204)
		time.Sleep(2 * time.Second)
		post("kim", "on=false").Want(204)
	})
}
