package inbox_test

import (
	"crypto/sha256"
	"encoding/binary"
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

// The hashes stand in stored rows: another value would let a redelivered
// notification in a second time.
func TestIdentityHashIsStable(t *testing.T) {
	sum := sha256.Sum256([]byte("\x00\x00\x00\x04shop\x00\x00\x00\x01a\x00\x00\x00\x00"))
	if got, want := inbox.IdentityHash("shop", "a", ""), binary.BigEndian.Uint64(sum[:]); got != want {
		t.Errorf("hash = %#x, want %#x", got, want)
	}
	sum = sha256.Sum256([]byte("\x00\x00\x00\x01k"))
	want := binary.BigEndian.Uint64(sum[:])
	if got := inbox.CollapseHash("k"); got != want {
		t.Errorf("hash of a collapse key = %#x, want %#x", got, want)
	}
	if got := inbox.RuleHash("k"); got != want {
		t.Errorf("hash of a rule = %#x, want %#x", got, want)
	}
}

func TestIdentityHashTellsApart(t *testing.T) {
	seen := map[uint64][3]string{}
	for _, parts := range [][3]string{
		{"", "a", ""}, {"a", "b", ""}, {"", "ab", ""}, {"ab", "a", ""}, {"a", "ba", ""}, {"", "a", "b"}, {"a", "b", "c"},
	} {
		h := inbox.IdentityHash(parts[0], parts[1], parts[2])
		if other, ok := seen[h]; ok || h == 0 {
			t.Errorf("%q hashes to %#x as %q does", parts, h, other)
		}
		seen[h] = parts
	}
}

func TestHashOfNothing(t *testing.T) {
	if got := inbox.IdentityHash("shop", "", "rule"); got != 0 {
		t.Errorf("hash without an id = %#x, want 0", got)
	}
	if got := inbox.CollapseHash(""); got != 0 {
		t.Errorf("hash without a key = %#x, want 0", got)
	}
}
