package letter_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/senders/mail/letter"
)

func TestSubjects(t *testing.T) {
	templates := load(t, "")
	plain := belfry.Notification{Title: belfry.PlainText("x")}
	vote := belfry.Notification{Title: belfry.PlainText("x"), Category: "hr.vote"}
	a, c := approval(1), comment(1)
	for _, tt := range []struct {
		language string
		content  letter.Content
		ns       []belfry.Notification
		want     string
	}{
		{"en", letter.Full, []belfry.Notification{a}, "Expense report 1: 1,240,000 KRW"},
		{"en", letter.None, []belfry.Notification{a}, "1 approval waits for you"},
		{"en", letter.Titles, []belfry.Notification{a, a, a}, "3 approvals wait for you"},
		{"en", letter.Full, []belfry.Notification{c, a, a}, "2 approvals and 1 comment wait for you"},
		{"en", letter.Full, []belfry.Notification{c, vote, a, plain}, "1 approval, 1 comment and 2 more wait for you"},
		{"en", letter.Full, []belfry.Notification{vote, plain}, "2 notifications wait for you"},
		{"fr", letter.None, []belfry.Notification{vote}, "1 notification waits for you"},
		{"", letter.None, []belfry.Notification{plain}, "1 notification waits for you"},
		{"ko", letter.None, []belfry.Notification{a, a, a}, "결재 3건이 기다리고 있습니다"},
		{"ko-KR", letter.Full, []belfry.Notification{c, vote, a, plain}, "결재 1건, 댓글 1건 외 2건이 기다리고 있습니다"},
		{"ko", letter.Full, []belfry.Notification{a}, "지출 결의서 1호: 1,240,000원"},
		{"en", letter.Full, []belfry.Notification{{Title: belfry.PlainText(strings.Repeat("long ", 90))}}, strings.TrimSpace(strings.Repeat("long ", 29)) + "…"},
	} {
		cfg := config(t)
		cfg.Content = tt.content
		if l := write(t, templates, cfg, message(tt.language, tt.ns...)); l.Subject != tt.want {
			t.Errorf("%s, %s, %d items: %q, want %q", tt.language, tt.content, len(tt.ns), l.Subject, tt.want)
		}
	}
}

// TestContent holds what a letter says for each word of --mail-content.
func TestContent(t *testing.T) {
	templates := load(t, "")
	for content, shown := range map[letter.Content][2]bool{letter.None: {false, false}, letter.Titles: {true, false}, letter.Full: {true, true}} {
		c := config(t)
		c.Content = content
		l := write(t, templates, c, message("en", approval(1), approval(2)))
		for _, all := range []string{l.Subject + l.Text, l.Subject + l.HTML} {
			if got := [2]bool{strings.Contains(all, "Expense report"), strings.Contains(all, "Travel to Busan")}; got != shown {
				t.Errorf("--mail-content %s shows titles and texts: %v, want %v", content, got, shown)
			}
			if content == letter.None && (strings.Contains(all, "Lee") || strings.Contains(all, "4101")) {
				t.Errorf("--mail-content none tells of who or of what:\n%s", all)
			}
		}
	}
}

// TestNewestAndMore has more items than a letter shows, of texts as long as can be.
func TestNewestAndMore(t *testing.T) {
	templates, c := load(t, ""), config(t)
	var ns []belfry.Notification
	for i := range 57 {
		n := comment(i)
		n.Title, n.Body = belfry.PlainText(fmt.Sprintf("title-%d ", i)+strings.Repeat(`"&'<>`, 100)), belfry.PlainText(strings.Repeat(`"&'<>`, 5000))
		n.URL = "https://board.example/" + strings.Repeat("&a=b", 480)
		ns = append(ns, n)
	}
	check(t, write(t, templates, c, message("en", ns...)))
	for i := range ns {
		ns[i].URL = "/short"
	}
	l := write(t, templates, c, message("en", ns...))
	check(t, l)
	for i := range ns {
		if got, want := strings.Contains(l.Text, fmt.Sprintf("title-%d ", i)), i < letter.Newest; got != want {
			t.Errorf("item %d is shown: %v, want %v", i, got, want)
		}
	}
	if l.Subject != "57 comments wait for you" || !strings.Contains(l.Text, "and 37 more") || !strings.Contains(l.HTML, "and 37 more") {
		t.Errorf("subject %q, text\n%s", l.Subject, l.Text)
	}
}

// TestLeaving holds what links of a letter may do: the one of the header and no more than
// that, for the channel or for the one category that the letter is of.
func TestLeaving(t *testing.T) {
	templates, c := load(t, ""), config(t)
	for _, tt := range []struct {
		ns       []belfry.Notification
		category string
	}{
		{[]belfry.Notification{approval(1), approval(2)}, "approval"},
		{[]belfry.Notification{approval(1), comment(2)}, ""},
		{[]belfry.Notification{{Title: belfry.PlainText("x")}}, ""},
	} {
		l := write(t, templates, c, message("en", tt.ns...))
		address := strings.Trim(header(l, "List-Unsubscribe"), "<>")
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || header(l, "List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
			t.Fatalf("%v", l.Headers)
		}
		got, err := c.Links.Parse(strings.TrimPrefix(u.Path, links.Path), now.Add(59*24*time.Hour))
		want := links.Link{Action: links.Unsubscribe, User: "kim", Channel: "mail", Category: tt.category, Until: now.Add(links.UnsubscribeLife)}
		if got.Until = got.Until.UTC(); err != nil || got != want {
			t.Errorf("the link is %+v, %v, want %+v", got, err, want)
		}
		if !strings.Contains(l.HTML, address) || !strings.Contains(l.Text, address) {
			t.Error("the letter does not show the link of its header")
		}
	}
	for lacks, change := range map[string]func(*letter.Config){
		"--public-url and --link-secret-file": func(c *letter.Config) { c.PublicURL = "" },
		"--link-secret-file":                  func(c *letter.Config) { c.Links = nil },
		"must begin with https://":            func(c *letter.Config) { c.PublicURL = "http://intranet" },
	} {
		c := config(t)
		change(&c)
		l := write(t, templates, c, message("en", approval(1)))
		if header(l, "List-Unsubscribe-Post") != "" || !strings.Contains(letter.New(templates, c).Lacks(), lacks) {
			t.Errorf("%v, lacks %q", l.Headers, letter.New(templates, c).Lacks())
		}
		if leads := strings.Contains(l.Text, "/v1/links/"); leads != (c.PublicURL != "" && c.Links != nil) {
			t.Errorf("the letter has links that act: %v\n%s", leads, l.Text)
		}
		check(t, l)
	}
	if lacks := letter.New(templates, c).Lacks(); lacks != "" {
		t.Errorf("it lacks %q", lacks)
	}
}

// TestIDs holds that a repeat is recognised, and that nothing else is taken for one.
func TestIDs(t *testing.T) {
	templates, c := load(t, ""), config(t)
	id := func(change func(ns []belfry.Notification) ([]belfry.Notification, string, string)) (string, string) {
		ns, user, channel := change([]belfry.Notification{comment(1)})
		m := message("en", ns...)
		m.User, m.Channel, m.Decision, m.Now = user, channel, m.Decision+1, m.Now.Add(time.Minute)
		l := write(t, templates, c, m)
		return l.MessageID, l.References
	}
	first, thread := id(func(ns []belfry.Notification) ([]belfry.Notification, string, string) { return ns, "kim", "mail" })
	again, same := id(func(ns []belfry.Notification) ([]belfry.Notification, string, string) { return ns, "kim", "mail" })
	if first != again || thread != same || thread == "" || thread == first || !strings.HasSuffix(first, "@example.com") || strings.Contains(first, "kim") {
		t.Errorf("%s and %s, in %s and %s", first, again, thread, same)
	}
	for name, change := range map[string]func(ns []belfry.Notification) ([]belfry.Notification, string, string){
		"another user":    func(ns []belfry.Notification) ([]belfry.Notification, string, string) { return ns, "kimm", "ail" },
		"another channel": func(ns []belfry.Notification) ([]belfry.Notification, string, string) { return ns, "kim", "mail2" },
		"more items": func(ns []belfry.Notification) ([]belfry.Notification, string, string) {
			return append(ns, approval(1)), "kim", "mail"
		},
	} {
		if other, _ := id(change); other == first {
			t.Errorf("%s has the same id", name)
		}
	}
}
