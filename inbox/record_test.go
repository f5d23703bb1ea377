package inbox_test

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestKinds(t *testing.T) {
	// The numbers are stored.
	for number, c := range map[inbox.Kind]struct {
		name            string
		action, horizon bool
	}{
		1: {"notify", false, false}, 2: {"seen", true, true}, 3: {"read", true, true}, 4: {"unread", true, false},
		5: {"archive", true, true}, 6: {"unarchive", true, false}, 7: {"delete", true, true},
		8: {"retract", false, false}, 9: {"erase", false, false}, 10: {"touch", false, false},
		11: {"snooze", false, false}, 12: {"unsnooze", false, false}, 13: {"mute", false, false}, 14: {"unmute", false, false},
		15: {"prefs", false, false}, 16: {"endpoint", false, false}, 17: {"endpoint-gone", false, false},
		18: {"tell", false, false}, 19: {"untell", false, false},
		20: {"join", false, false}, 21: {"subscribe", false, false}, 22: {"unsubscribe", false, false},
	} {
		if number.String() != c.name || !number.Valid() {
			t.Errorf("kind %d is %q, valid %t; want %q", uint8(number), number, number.Valid(), c.name)
		}
		if number.TakesHorizon() != c.horizon {
			t.Errorf("%s takes a horizon: %t, want %t", number, number.TakesHorizon(), c.horizon)
		}
		if k, ok := inbox.ParseAction(c.name); ok != c.action || ok && k != number {
			t.Errorf("ParseAction(%q) = %v, %t; want %t", c.name, k, ok, c.action)
		}
	}
	for _, k := range []inbox.Kind{0, 23, 255} {
		if k.Valid() || k.String() == "" {
			t.Errorf("kind %d is valid", uint8(k))
		}
	}
	for _, name := range []string{"", "Read", "kind(0)"} {
		if k, ok := inbox.ParseAction(name); ok {
			t.Errorf("ParseAction(%q) = %v", name, k)
		}
	}
}

func TestOriginIsZero(t *testing.T) {
	if o := (inbox.Origin{}); !o.IsZero() {
		t.Error("no origin is one")
	}
	if o := (inbox.Origin{TopicID: [16]byte{15: 1}}); o.IsZero() {
		t.Error("the first record of a topic has no origin")
	}
}
