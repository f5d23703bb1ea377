package inbox_test

import (
	"reflect"
	"testing"
	"time"

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
