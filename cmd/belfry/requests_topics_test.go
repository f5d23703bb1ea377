package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/kafkatest"
)

// wantTopicsAsked has a user subscribed to topics, up to as many as there may be, and another
// one join.
func wantTopicsAsked(t *testing.T, base string, x *exchange) {
	t.Helper()
	ask := func(user, action, more, want string) {
		t.Helper()
		if got := x.ask(user, fmt.Sprintf(`{"recipient":%q,"action":%q%s}`, user, action, more)); got != want {
			t.Errorf("%s %s for %s: %s, want %s", action, more, user, got, want)
		}
	}
	const done = `{"ok":true,"recipient":"choi"}`
	ask("choi", "list-topics", "", `{"ok":true,"recipient":"choi","topics":[]}`)
	for range 2 {
		ask("choi", "subscribe-topic", `,"topic":"canteen"`, done)
	}
	ask("choi", "list-topics", "", `{"ok":true,"recipient":"choi","topics":["canteen"]}`)
	for _, notice := range []string{`{"audience":"topic:canteen","id":"menu","title":"Menu"}`, `{"audience":"all","id":"all","title":"All"}`} {
		if status := callAPI(t, http.MethodPost, base+"/v1/notifications", "", notice, nil); status != http.StatusAccepted {
			t.Fatalf("%s: %d", notice, status)
		}
	}
	awaitBadge(t, base, "", "choi", hasUnread(2))
	awaitBadge(t, base, "", "newcomer", hasUnread(1))
	ask("newcomer", "join", "", `{"ok":true,"recipient":"newcomer"}`)
	awaitBadge(t, base, "", "newcomer", hasUnread(0))
	ask("choi", "unsubscribe-topic", `,"topic":"canteen"`, done)
	ask("choi", "unsubscribe-topic", `,"topic":"nothing"`, done)
	ask("choi", "list-topics", "", `{"ok":true,"recipient":"choi","topics":[]}`)
	for _, topic := range []string{`"a/b"`, `""`, `"` + strings.Repeat("x", 65) + `"`, `7`, `null`} {
		for _, action := range []string{"subscribe-topic", "unsubscribe-topic"} {
			if got := x.ask("choi", fmt.Sprintf(`{"recipient":"choi","action":%q,"topic":%s}`, action, topic)); !strings.HasPrefix(got, `{"ok":false,"error":{"field":"topic","detail":"`) {
				t.Errorf("%s %s: %s", action, topic, got)
			}
		}
	}
	ask("choi", "list-topics", "", `{"ok":true,"recipient":"choi","topics":[]}`)
	for i := range inbox.MaxTopics - 1 {
		x.send([]byte("choi"), fmt.Appendf(nil, `{"recipient":"choi","action":"subscribe-topic","topic":"topic-%d"}`, i), nil)
	}
	ask("choi", "subscribe-topic", `,"topic":"the-last"`, done)
	ask("choi", "subscribe-topic", `,"topic":"one-more"`, `{"ok":false,"error":{"field":"topic","detail":"a user can subscribe to at most 256 topics: unsubscribe from one first"}}`)
}

// TestRequestsWithoutReach holds that a closed capability is told to who asks.
func TestRequestsWithoutReach(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	serveAll(t, runArgs(t, brokers, "--auth", "none", "--features", "time", "--reply-topics", belfry.DefaultReplyTopic)...)
	x := newExchange(t, brokers, belfry.DefaultReplyTopic)
	if got := x.ask("kim", `{"recipient":"kim","action":"list"}`); !strings.Contains(got, `{"ok":false,"error":{"field":"action"`) || !strings.Contains(got, "--features reach") {
		t.Errorf("answer: %s", got)
	}
}
