package codec_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

func TestItemRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := inbox.Item{Seq: rapid.Uint64Min(1).Draw(t, "seq"), Notification: drawNotification(t)}
		b, err := codec.EncodeItem(&it)
		if err != nil {
			t.Fatalf("encode %+v: %v", it, err)
		}
		got, err := codec.DecodeItem(b)
		if err != nil {
			t.Fatalf("decode %+v: %v", it, err)
		}
		if !reflect.DeepEqual(got, it) {
			t.Fatalf("got %+v, want %+v", got, it)
		}
		if got := codec.ItemPriority(b); got != it.Priority {
			t.Fatalf("priority %v, want %v", got, it.Priority)
		}
	})
}

func TestPriorityOfWhatIsNoItem(t *testing.T) {
	urgent, err := codec.EncodeItem(&inbox.Item{Seq: 1, Notification: belfry.Notification{ID: "a", Priority: belfry.PriorityUrgent}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range urgent {
		if got := codec.ItemPriority(urgent[:n]); got != belfry.PriorityNormal {
			t.Errorf("%d bytes of an item have priority %v, want normal", n, got)
		}
	}
}

// A field that a newer belfry put into a notification must come through the
// journal, the fold and the items topic of this one.
func TestNotificationKeepsUnknownFields(t *testing.T) {
	field := newField("of a newer belfry")
	notification := append([]byte{1<<3 | 2, 1, 'a'}, field...) // id "a", then what is new
	record := append([]byte{1 << 3, 1, 2 << 3, 1, 3<<3 | 2, byte(len(notification))}, notification...)
	r, err := codec.DecodeRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := codec.EncodeRecord(r); err != nil || !bytes.Equal(again, record) {
		t.Errorf("record: got %x, %v; want %x", again, err, record)
	}
	_, effects := inbox.Fold(inbox.State{}, r, inbox.Input{})
	if effects.Item == nil {
		t.Fatal("the fold made no item")
	}
	b, err := codec.EncodeItem(effects.Item)
	if err != nil {
		t.Fatal(err)
	}
	it, err := codec.DecodeItem(b)
	if err != nil {
		t.Fatal(err)
	}
	if it.ID != "a" || !bytes.Equal(it.Extra, field) {
		t.Errorf("item: got id %q, extra %q; want %q, %q", it.ID, it.Extra, "a", field)
	}
}

func TestItemRefused(t *testing.T) {
	if b, err := codec.EncodeItem(&inbox.Item{}); !errors.Is(err, belfry.ErrCorrupt) {
		t.Errorf("encode without seq: got %x, %v; want ErrCorrupt", b, err)
	}
	if b, err := codec.EncodeItem(&inbox.Item{Seq: 1, Notification: belfry.Notification{Priority: -2}}); !errors.Is(err, belfry.ErrCorrupt) {
		t.Errorf("encode with priority -2: got %x, %v; want ErrCorrupt", b, err)
	}
	for _, tt := range []struct {
		name string
		item *belfrypb.Item
		want string
	}{
		{"no format", &belfrypb.Item{Seq: 1, Notification: &belfrypb.Notification{}}, "no format number"},
		{"no seq", &belfrypb.Item{Format: 1, Notification: &belfrypb.Notification{}}, "no seq"},
		{"no notification", &belfrypb.Item{Format: 1, Seq: 1}, "no notification"},
		{"priority", &belfrypb.Item{Format: 1, Seq: 1, Notification: &belfrypb.Notification{Priority: 3}}, "priority 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := proto.Marshal(tt.item)
			if err != nil {
				t.Fatal(err)
			}
			it, err := codec.DecodeItem(b)
			if !errors.Is(err, belfry.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v; want ErrCorrupt that says %q", it, err, tt.want)
			}
		})
	}
}
