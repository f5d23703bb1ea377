package inbox_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestItem(t *testing.T) {
	h := newHistory(t)
	h.in.Time = clock(0).Add(1234567 * time.Nanosecond).In(time.FixedZone("KST", 9*3600))
	r := notify("a", category("order"))
	r.Notification.Recipient = "user-7"
	h.do(r)
	want := r.Notification
	want.Recipient = ""
	want.Time = clock(0).Add(time.Millisecond)
	if got := h.effects.Item; got == nil || got.Seq != 1 || !reflect.DeepEqual(got.Notification, want) {
		t.Errorf("content = %+v, want seq 1 with %+v", got, want)
	}
	r = notify("b")
	r.Notification.Time = clock(-60)
	if h.do(r); !h.effects.Item.Time.Equal(clock(-60)) {
		t.Errorf("time of the content = %v, want the sender's %v", h.effects.Item.Time, clock(-60))
	}
	if got := h.state.Items[0]; got.Category != "order" || got.Hash != inbox.IdentityHash("shop", "a", "") {
		t.Errorf("row has %+v, want the category and the identity", got)
	}
}

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

// TestParseNoticeKey holds that the keys of notices' contents are read, and no others.
func TestParseNoticeKey(t *testing.T) {
	for key, want := range map[string]bool{
		"__0/1": true, "__11/18446744073709551615": true, "__0/": false, "__0": false, "__00/1": false, "__0/01": false, "__0/+1": false,
		"kim/1": false, "__x/1": false, "__0/1/2": false, "__0/18446744073709551616": false,
	} {
		p, seq, ok := inbox.ParseNoticeKey(key)
		if ok != want || ok && inbox.ItemKey(belfry.PartitionKey(p), seq) != key {
			t.Errorf("%q: partition %d, seq %d, %t", key, p, seq, ok)
		}
	}
}
