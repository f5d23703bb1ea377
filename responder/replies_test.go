package responder

import (
	"strings"
	"testing"
)

// TestReplies holds that a pattern is one of whole names, and that what could be a name
// is one, with its dots.
func TestReplies(t *testing.T) {
	r, err := ParseReplies([]string{"v1.event.response", "chat[.].*|mail"})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]bool{
		"v1.event.response": true, "v1xevent.response": false, "v1.event.response2": false,
		"chat.a": true, "xchat.a": false, "mail": true, "mail2": false, "amail": false, "": false,
	} {
		if got := r.Allow(topic); got != want {
			t.Errorf("%q: allowed %t, want %t", topic, got, want)
		}
	}
	if got := strings.Join(r.Names(), ","); got != "v1.event.response" {
		t.Errorf("named %s", got)
	}
	for _, wrong := range []string{"", "a(", "[", strings.Repeat("a(", 100)} {
		if _, err := ParseReplies([]string{wrong}); err == nil {
			t.Errorf("%q is a pattern", wrong)
		}
	}
	for _, wrong := range []string{"", ".", "..", "a b", "한", strings.Repeat("a", 250)} {
		if IsTopic(wrong) {
			t.Errorf("%q is the name of a topic", wrong)
		}
	}
}
