package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/webpush/browser"
)

// TestNoticeIsPushedAndMailed announces to users some of whom can be reached: the browser
// and the mail box of each get the notice that channels ask for, whatever rows they have,
// but not of who has seen it, has turned its category off, or has had his messages of the
// day.
func TestNoticeIsPushedAndMailed(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until somebody has not looked for some seconds")
	}
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	service := pushtest.NewService()
	t.Cleanup(service.Close)
	relay, err := mailtest.NewServer(mailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	vapid := filepath.Join(t.TempDir(), "vapid.pem")
	call(t, nil, "vapid", "--vapid-key-file", vapid).WantOutput(t)
	channels := channelsFile(t, `channels:
  browser: {kind: webpush, daily_cap: 2, tell: [{category: [notice], if_unseen_after: 0s}]}
  mail: {kind: mail, tell: [{category: [notice], if_unread_after: 6s}]}
`)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--channels", channels, "--send", "webpush,mail", "--push-hosts", service.URL,
		"--vapid-key-file", vapid, "--vapid-subject", "mailto:ops@example.com", "--link-secret-file", programtest.WriteFile(t, "link.secret", programtest.Secret),
		"--smtp-server", relay.Addr, "--smtp-tls", "none", "--mail-from", "inbox@example.com")...)
	do := func(method, user, path, body string) {
		t.Helper()
		if status := callAPI(t, method, userURL(r.url, user, path), "", body, nil); status < 200 || status > 299 {
			t.Fatalf("%s %s of %s: %d", method, path, user, status)
		}
	}
	announce := func(category, id string) {
		t.Helper()
		body := fmt.Sprintf(`{"audience":"all","id":%q,"source":"portal","title":%[1]q,"category":%q}`, id, category)
		if status := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", body, nil); status != http.StatusAccepted {
			t.Fatalf("announce %s: %d", id, status)
		}
	}
	browsers := map[string]*browser.Browser{}
	for _, user := range []string{"kim", "lee", "한", "off"} {
		browsers[user] = service.Subscribe()
		do(http.MethodPut, user, "push-subscriptions", subscriptionOf(browsers[user]))
	}
	for _, user := range []string{"kim", "reader"} {
		do(http.MethodPut, user, "addresses/mail", fmt.Sprintf(`{"address":"%s@mail.example"}`, user))
	}
	do(http.MethodPatch, "off", "preferences", `{"channels":{"browser":{"categories":{"notice":false}}}}`)
	received := func(user string) (titles []string) {
		for _, m := range service.Messages() {
			var p pushed
			if err := json.Unmarshal(m.Payload, &p); err != nil {
				t.Fatal(err)
			}
			if m.Browser == browsers[user] {
				titles = append(titles, fmt.Sprintf("%s %d", p.Notification.Title, p.AppBadge))
			}
		}
		return titles
	}
	comes := func(user string, want ...string) {
		t.Helper()
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%s received %q, want %q", user, received(user), want) }, func() bool {
			return slices.Equal(received(user), want)
		})
	}

	announce("board", "Only in the inbox")
	announce("notice", "First")
	for _, user := range []string{"kim", "lee", "한"} {
		comes(user, "First 2")
	}
	at := awaitBadge(t, r.url, "", "reader", hasUnread(2))
	do(http.MethodPost, "reader", "inbox/read", fmt.Sprintf(`{"up_to":%d}`, at.Version))
	await.Eventually(t, programtest.Patience, func() string { return "no mail came" }, func() bool { return len(relay.Mails()) > 0 })
	at = awaitBadge(t, r.url, "", "lee", hasUnread(2))
	do(http.MethodPost, "lee", "inbox/seen", fmt.Sprintf(`{"up_to":%d}`, at.Version))
	announce("notice", "Second")
	for _, user := range []string{"kim", "lee", "한"} {
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%s received %q", user, received(user)) }, func() bool {
			got := received(user)
			return len(got) == 2 && strings.HasPrefix(got[1], "Second")
		})
	}
	announce("notice", "Third") // beyond the cap of all
	awaitBadge(t, r.url, "", "kim", hasUnread(4))
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%d mails came", len(relay.Mails())) }, func() bool { return len(relay.Mails()) > 1 })
	for user, want := range map[string]int{"kim": 2, "lee": 2, "한": 2, "off": 0} {
		if got := received(user); len(got) != want {
			t.Errorf("%s received %q, want %d", user, got, want)
		}
	}
	for _, m := range relay.Mails() {
		if to := strings.Contains(m.To, "kim@"); !to && strings.Contains(string(m.Raw), "First") {
			t.Errorf("a mail to %s, who has read that: %s", m.To, m.Raw)
		}
	}
	if got := relay.Mails()[0].Header("Subject"); got != "First" {
		t.Errorf("the first mail is %q", got)
	}
	if problems := service.Problems(); len(problems) > 0 {
		t.Errorf("the push service: %q", problems)
	}
}
