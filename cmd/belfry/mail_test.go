package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/server/ops"
)

// TestMail is an approval that its manager does not read for a while, and one that he reads
// in time.
func TestMail(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until somebody has not read for some seconds")
	}
	t.Parallel()
	s := newMailScene(t, kafkatest.Embedded(t))
	s.toThoseWhoHaveNotRead()
	s.testCommand()
}

// TestMailOnKafka waits for the morning as well, a minute at the most.
func TestMailOnKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until somebody has not read for some seconds")
	}
	t.Parallel()
	s := newMailScene(t, kafkatest.Start(t, kafkatest.Config{}).Brokers())
	s.toThoseWhoHaveNotRead()
	s.morningDigest()
	s.testCommand()
}

// mailScene is all of Belfry in one process, whose approvals are mailed if they are unread
// after 8 s, and a mail server.
type mailScene struct {
	t        *testing.T
	relay    *mailtest.Server
	r        *served
	brokers  []string
	channels string   // the file
	mailing  []string // flags of letters
	server   []string // flags of mail
}

func newMailScene(t *testing.T, brokers []string) *mailScene {
	t.Helper()
	relay, err := mailtest.NewServer(mailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	s := &mailScene{t: t, relay: relay, brokers: brokers, mailing: []string{"--mail-from", "Inbox <inbox@example.com>", "--mail-reply-to", "help@example.com"}}
	s.channels = channelsFile(t, "channels: {mail: {kind: mail, tell: [{category: [approval], if_unread_after: 8s}]}}")
	s.server = append([]string{"--smtp-server", relay.Addr, "--smtp-tls", "none"}, s.mailing...)
	s.r = serveAll(t, runArgs(t, brokers, append(s.server, "--auth", "none", "--channels", s.channels, "--send", "mail")...)...)
	for _, user := range []string{"kim", "lee"} {
		s.do(http.MethodPut, user, "addresses/mail", fmt.Sprintf(`{"address":"%s@mail.example"}`, user))
	}
	return s
}

// do makes a call of a user's that is to succeed.
func (s *mailScene) do(method, user, path, body string) {
	s.t.Helper()
	if status := callAPI(s.t, method, userURL(s.r.url, user, path), "", body, nil); status < 200 || status > 299 {
		s.t.Fatalf("%s %s of %s: %d", method, path, user, status)
	}
}

func (s *mailScene) notify(category, title string, users ...string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"recipients":%s,"category":%q,"title":%q}`, toJSON(s.t, users), category, title)
	if status := callAPI(s.t, http.MethodPost, s.r.url+"/v1/notifications", "", body, nil); status != http.StatusAccepted {
		s.t.Fatalf("notify %s: %d", users, status)
	}
}

// readAll has a user with so many unread read them.
func (s *mailScene) readAll(user string, unread int) {
	s.t.Helper()
	at := awaitBadge(s.t, s.r.url, "", user, hasUnread(unread))
	s.do(http.MethodPost, user, "inbox/read", fmt.Sprintf(`{"up_to":%d}`, at.Version))
}

// preview is what the command shows of a user's next mail.
func (s *mailScene) preview(user string) string {
	s.t.Helper()
	shown := call(s.t, nil, append([]string{"mail", "preview", user, "--brokers", s.brokers[0], "--channels", s.channels}, s.mailing...)...)
	shown.WantOutput(s.t)
	return shown.Stdout
}

// overview is what the ops page tells of the channel.
func (s *mailScene) overview() (c ops.Channel) {
	s.t.Helper()
	var all struct{ Channels []ops.Channel }
	if status := callAPI(s.t, http.MethodGet, s.r.url+"/v1/ops/overview", "", "", &all); status != http.StatusOK {
		s.t.Fatalf("overview: %d", status)
	}
	for _, c := range all.Channels {
		if c.Name == "mail" {
			return c
		}
	}
	return c
}

// await waits until n mails have come and returns the last.
func (s *mailScene) await(n int) mailtest.Mail {
	s.t.Helper()
	await.Eventually(s.t, await.Patience, func() string { return fmt.Sprintf("%d of %d mails came", len(s.relay.Mails()), n) }, func() bool { return len(s.relay.Mails()) >= n })
	return s.relay.Mails()[n-1]
}

func (s *mailScene) toThoseWhoHaveNotRead() {
	s.t.Helper()
	if got := s.preview("kim"); !strings.HasPrefix(got, "kim gets no mail: to an address at mail.example, 0 items in the inbox\n") {
		s.t.Errorf("preview of nothing: %s", got)
	}
	s.notify("approval", "Read in time", "lee")
	s.readAll("lee", 1)
	s.notify("board", "Only in the inbox", "kim")
	s.notify("approval", "Travel to Busan", "kim")
	awaitBadge(s.t, s.r.url, "", "kim", hasUnread(2))
	shown := s.preview("kim")
	for _, want := range []string{"kim gets a mail at ", "channel mail, 1 item\n", "\nSubject: Travel to Busan\n", ": no rule tells of it"} {
		if !strings.Contains(shown, want) {
			s.t.Errorf("preview %s, want %q in it", shown, want)
		}
	}
	// Held and sent are told by channel and reason.
	held := func() map[string]int64 { return s.overview().Held }
	await.Eventually(s.t, await.Patience, func() string { return fmt.Sprintf("held are %v", held()) }, func() bool { return held()["delay"] == 1 || len(s.relay.Mails()) > 0 })
	// A mail of what came later is the marker: what is not there by then does not come.
	s.notify("approval", "Not read", "lee")
	s.await(2)
	await.Eventually(s.t, await.Patience, func() string { return fmt.Sprintf("sent are %+v", s.overview()) }, func() bool { return s.overview().Sent == 2 })
	mails := s.relay.Mails()
	for _, want := range []struct{ to, subject string }{{"kim@mail.example", "Travel to Busan"}, {"lee@mail.example", "Not read"}} {
		i := slices.IndexFunc(mails, func(m mailtest.Mail) bool { return m.To == want.to })
		if i < 0 {
			s.t.Fatalf("no mail to %s among %d", want.to, len(mails))
		}
		m := mails[i]
		if m.From != "inbox@example.com" || m.Header("Subject") != want.subject || m.Header("Reply-To") == "" || m.Header("Auto-Submitted") == "" {
			s.t.Errorf("mail %d from %s to %s: %s, want %s to %s", i, m.From, m.To, m.Raw, want.subject, want.to)
		}
		if text := m.Part("text/plain"); !strings.Contains(text, want.subject) || strings.Contains(text, "Only in the inbox") || strings.Contains(text, "Read in time") {
			s.t.Errorf("mail %d says %s", i, text)
		}
	}
	if got := s.preview("kim"); !strings.HasPrefix(got, "kim gets no mail") || !strings.Contains(got, "told ") {
		s.t.Errorf("preview after it: %s", got)
	}
}

// testCommand ends with the mail server away.
func (s *mailScene) testCommand() {
	s.t.Helper()
	n := len(s.relay.Mails())
	tried := call(s.t, nil, append([]string{"mail", "test", "ops@mail.example"}, s.server...)...)
	tried.WantOutput(s.t)
	if mails := s.relay.Mails(); !strings.HasPrefix(tried.Stdout, "127.0.0.1: accepted") || len(mails) != n+1 || mails[n].To != "ops@mail.example" || mails[n].Header("Subject") != "This is a test" {
		s.t.Errorf("mail test: %s, %d mails", tried.Stdout, len(s.relay.Mails()))
	}
	call(s.t, nil, append([]string{"mail", "test", "no address"}, s.server...)...).WantError(s.t, 2, "must be a mail address")
	s.relay.Stop()
	call(s.t, nil, append([]string{"mail", "test", "ops@mail.example"}, s.server...)...).WantFailureIn(s.t, "not accepted")
}
