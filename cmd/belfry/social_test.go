package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/pushtest"
	"github.com/belfry/belfry/webpush/browser"
)

// TestSocialNetwork is the flow of docs/rules/social.yaml from end to end: devices are
// subscribed by request and reply, and a comment comes to all of them, once, if its
// author has not seen it before.
func TestSocialNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until somebody has not looked for some seconds")
	}
	t.Parallel()
	brokers := kafkatest.Start(t, kafkatest.Config{}).Brokers()
	service := pushtest.NewService()
	t.Cleanup(service.Close)
	vapid := filepath.Join(t.TempDir(), "vapid.pem")
	call(t, nil, "vapid", "--vapid-key-file", vapid).WantOutput(t)
	channels := channelsFile(t, "channels: {browser: {kind: webpush, tell: [{category: [comment], if_unseen_after: 8s}]}}")
	x := newExchange(t, brokers)
	admin := kadm.NewClient(x.client)
	const comments, joined = "v1.event.comment-created", "v1.event.user-joined"
	if _, err := admin.CreateTopics(t.Context(), 2, 1, nil, comments, "v1.event.comment-deleted", joined, belfry.DefaultReplyTopic); err != nil {
		t.Fatal(err)
	}
	x.client.AddConsumeTopics(belfry.DefaultReplyTopic)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--rules", filepath.Join("..", "..", "docs", "rules", "social.yaml"),
		"--reply-topics", belfry.DefaultReplyTopic, "--channels", channels, "--send", "webpush", "--push-hosts", service.URL,
		"--vapid-key-file", vapid, "--vapid-subject", "mailto:ops@example.com", "--link-secret-file", programtest.WriteFile(t, "link.secret", programtest.Secret))...)
	emit := func(topic, value string) {
		t.Helper()
		if err := x.client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("77"), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	comment := func(id, author, by int, name string) {
		t.Helper()
		emit(comments, fmt.Sprintf(`{"commentId":%d,"postId":77,"postAuthorId":%d,"commenterId":%d,"commenterName":%q,"content":"Nice!","createdAt":"2026-08-04T01:31:15Z"}`, id, author, by, name))
	}
	received := func(b *browser.Browser) (titles []string) {
		for _, m := range service.Messages() {
			var p pushed
			if err := json.Unmarshal(m.Payload, &p); err != nil {
				t.Fatal(err)
			}
			if m.Browser == b {
				titles = append(titles, p.Notification.Title)
			}
		}
		return titles
	}
	comes := func(b *browser.Browser, title string) {
		t.Helper()
		await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("received %q, want %s", received(b), title) }, func() bool {
			got := received(b)
			return len(got) > 0 && got[len(got)-1] == title
		})
	}

	phone, laptop, other := service.Subscribe(), service.Subscribe(), service.Subscribe()
	for _, of := range []struct {
		user    string
		browser *browser.Browser
	}{{"9", phone}, {"9", laptop}, {"12", other}} {
		var said struct{ OK bool }
		answer := x.ask(of.user, `{"recipient":"`+of.user+`","action":"subscribe","subscription":`+subscriptionOf(of.browser)+`}`)
		if err := json.Unmarshal([]byte(answer), &said); err != nil || !said.OK {
			t.Fatalf("subscribe: %s", answer)
		}
		x.ask(of.user, `{"recipient":"`+of.user+`","action":"set-preferences","preferences":{"language":"en"}}`)
	}
	emit(joined, `{"userId":14,"nickname":"Max","joinedAt":"2026-08-04T01:30:15Z"}`)
	awaitBadge(t, r.url, "", "14", hasUnread(1))

	comment(1, 9, 9, "Owner") // one's own is no news
	comment(2, 9, 12, "Mina")
	comes(phone, "Mina commented")
	comes(laptop, "Mina commented")

	comment(3, 12, 9, "Owner")
	version := awaitBadge(t, r.url, "", "12", hasUnread(1)).Version
	if status := callAPI(t, http.MethodPost, userURL(r.url, "12", "inbox/seen"), "", fmt.Sprintf(`{"up_to":%d}`, version), nil); status != http.StatusOK {
		t.Fatalf("seen: %d", status)
	}
	comment(4, 12, 13, "Juno")
	comes(other, "Juno commented")
	for b, want := range map[*browser.Browser]string{phone: "[Mina commented]", laptop: "[Mina commented]", other: "[Juno commented]"} {
		if got := fmt.Sprint(received(b)); got != want {
			t.Errorf("received %s, want %s", got, want)
		}
	}
	if got := awaitBadge(t, r.url, "", "9", hasUnread(1)); got.Unread != 1 {
		t.Errorf("badge of the author: %+v", got)
	}
	if problems := service.Problems(); len(problems) > 0 {
		t.Errorf("the push service: %q", problems)
	}
}
