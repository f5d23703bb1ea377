package inbox_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestItemKey(t *testing.T) {
	for key, want := range map[string]struct {
		recipient string
		seq       uint64
	}{
		"user-7/1": {"user-7", 1}, "사용자-7/18446744073709551615": {"사용자-7", 1<<64 - 1}, "a b/0": {"a b", 0},
	} {
		if got := inbox.ItemKey(want.recipient, want.seq); got != key {
			t.Errorf("ItemKey = %q, want %q", got, key)
		}
		if r, seq, ok := inbox.ParseItemKey(key); !ok || r != want.recipient || seq != want.seq {
			t.Errorf("ParseItemKey(%q) = %q, %d, %t", key, r, seq, ok)
		}
	}
	for _, key := range []string{
		"", "/", "user-7", "user-7/", "/1", "user-7/x", "user-7/-1", "user-7/+1", "user-7/01", "user-7/1/2",
		"user-7/1 ", "user-7/18446744073709551616", "__a/1", "../1", "a\xff/1", strings.Repeat("u", 129) + "/1",
	} {
		if r, seq, ok := inbox.ParseItemKey(key); ok || r != "" || seq != 0 {
			t.Errorf("ParseItemKey(%q) = %q, %d, %t; want nothing", key, r, seq, ok)
		}
	}
}
