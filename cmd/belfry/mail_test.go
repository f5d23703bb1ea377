package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/mailtest"
)

// TestMail is an approval that its manager does not read for a while, and one that he reads
// in time.
func TestMail(t *testing.T) {
	t.Parallel()
	mailToThoseWhoHaveNotRead(t, kafkatest.Embedded(t))
}

func TestMailOnKafka(t *testing.T) {
	t.Parallel()
	mailToThoseWhoHaveNotRead(t, kafkatest.Start(t, kafkatest.Config{}).Brokers())
}

func mailToThoseWhoHaveNotRead(t *testing.T, brokers []string) {
	t.Helper()
	if testing.Short() {
		t.Skip("waits until somebody has not read for some seconds")
	}
	relay, err := mailtest.NewServer(mailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	channels := channelsFile(t, "channels: {mail: {kind: mail, tell: [{category: [approval], if_unread_after: 8s}]}}")
	mailing := []string{"--mail-from", "Inbox <inbox@example.com>", "--mail-reply-to", "help@example.com"}
	server := append([]string{"--smtp-server", relay.Addr, "--smtp-tls", "none"}, mailing...)
	r := serveAll(t, runArgs(t, brokers, append(server, "--auth", "none", "--channels", channels, "--send", "mail")...)...)
	for _, user := range []string{"kim", "lee"} {
		body := fmt.Sprintf(`{"address":"%s@mail.example"}`, user)
		if status := callAPI(t, http.MethodPut, userURL(r.url, user, "addresses/mail"), "", body, nil); status >= http.StatusMultipleChoices {
			t.Fatalf("address of %s: %d", user, status)
		}
	}
	preview := func(user string) string {
		t.Helper()
		shown := call(t, nil, append([]string{"mail", "preview", user, "--brokers", brokers[0], "--channels", channels}, mailing...)...)
		shown.WantOutput(t)
		return shown.Stdout
	}
	if got := preview("kim"); !strings.HasPrefix(got, "kim gets no mail: to an address at mail.example, 0 items in the inbox\n") {
		t.Errorf("preview of nothing: %s", got)
	}
	notify := func(user, category, title string) {
		t.Helper()
		body := fmt.Sprintf(`{"recipient":%q,"category":%q,"title":%q}`, user, category, title)
		if status := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", body, nil); status != http.StatusAccepted {
			t.Fatalf("notify %s: %d", user, status)
		}
	}
	notify("lee", "approval", "Read in time")
	lee := awaitBadge(t, r.url, "", "lee", hasUnread(1))
	if status := callAPI(t, http.MethodPost, userURL(r.url, "lee", "inbox/read"), "", fmt.Sprintf(`{"up_to":%d}`, lee.Version), nil); status != http.StatusOK {
		t.Fatalf("read: %d", status)
	}
	notify("kim", "board", "Only in the inbox")
	notify("kim", "approval", "Travel to Busan")
	awaitBadge(t, r.url, "", "kim", hasUnread(2))
	shown := preview("kim")
	for _, want := range []string{"kim gets a mail at ", "channel mail, 1 item\n", "\nSubject: Travel to Busan\n", ": no rule tells of it"} {
		if !strings.Contains(shown, want) {
			t.Errorf("preview %s, want %q in it", shown, want)
		}
	}
	kafkatest.Eventually(t, kafkatest.Patience, func() string { return "no mail came" }, func() bool { return len(relay.Mails()) > 0 })
	// A later mail is the marker: what is not there by then does not come.
	notify("lee", "approval", "Not read")
	kafkatest.Eventually(t, kafkatest.Patience, func() string { return "no second mail came" }, func() bool { return len(relay.Mails()) > 1 })
	for i, want := range []struct{ to, subject string }{{"kim@mail.example", "Travel to Busan"}, {"lee@mail.example", "Not read"}} {
		m := relay.Mails()[i]
		if m.To != want.to || m.From != "inbox@example.com" || m.Header("Subject") != want.subject || m.Header("Reply-To") == "" || m.Header("Auto-Submitted") == "" {
			t.Errorf("mail %d from %s to %s: %s, want %s to %s", i, m.From, m.To, m.Raw, want.subject, want.to)
		}
		if text := m.Part("text/plain"); !strings.Contains(text, want.subject) || strings.Contains(text, "Only in the inbox") || strings.Contains(text, "Read in time") {
			t.Errorf("mail %d says %s", i, text)
		}
	}
	if got := preview("kim"); !strings.HasPrefix(got, "kim gets no mail") || !strings.Contains(got, "told ") {
		t.Errorf("preview after it: %s", got)
	}

	tried := call(t, nil, append([]string{"mail", "test", "ops@mail.example"}, server...)...)
	tried.WantOutput(t)
	if mails := relay.Mails(); !strings.HasPrefix(tried.Stdout, "127.0.0.1: accepted") || len(mails) != 3 || mails[2].To != "ops@mail.example" || mails[2].Header("Subject") != "This is a test" {
		t.Errorf("mail test: %s, %d mails", tried.Stdout, len(relay.Mails()))
	}
	call(t, nil, append([]string{"mail", "test", "no address"}, server...)...).WantError(t, 2, "must be a mail address")
	relay.Stop()
	call(t, nil, append([]string{"mail", "test", "ops@mail.example"}, server...)...).WantFailureIn(t, "not accepted")
}
