package inbox_test

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/belfry/belfry/inbox"
)

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
