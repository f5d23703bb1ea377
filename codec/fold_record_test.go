package codec_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

// folded is what the fold looks at.
func folded(r inbox.Record) inbox.Record {
	if r.Kind != inbox.KindNotify {
		return r
	}
	n := r.Notification
	r.Notification = belfry.Notification{
		ID: n.ID, Source: n.Source, Category: n.Category, Priority: n.Priority, CollapseKey: n.CollapseKey, ExpiresAt: n.ExpiresAt, DeliverAt: n.DeliverAt,
		Actor: belfry.Actor{ID: n.Actor.ID, Name: n.Actor.Name},
	}
	return r
}

// checkForFold fails unless a value is read for the fold as it is read in full,
// and its content is what the full record's would be.
func checkForFold(t fataler, b []byte) {
	t.Helper()
	got, err := codec.DecodeForFold(b)
	want, wantErr := codec.DecodeJournal(b)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%x: got %v, want %v", b, err, wantErr)
	}
	if err != nil {
		return
	}
	if !reflect.DeepEqual(folded(got.Record), folded(want)) {
		t.Fatalf("got %+v, want %+v", got.Record, want)
	}
	if want.Kind != inbox.KindNotify {
		return
	}
	at := time.UnixMilli(1_790_000_000_123)
	item, err := got.Content(7, at)
	if err != nil {
		t.Fatalf("%v", err)
	}
	read, err := codec.DecodeItem(item)
	if wanted := inbox.NewItem(want.Notification, 7, at); err != nil || !reflect.DeepEqual(&read, wanted) {
		t.Fatalf("content %+v, %v; want %+v", read, err, wanted)
	}
}

func TestDecodeForFold(t *testing.T) {
	checkForFold(t, nil)
	t.Run("any", rapid.MakeCheck(func(t *rapid.T) {
		b, err := codec.EncodeRecord(drawRecord(t))
		if err != nil {
			t.Fatal(err)
		}
		checkForFold(t, b)
	}))
}

// Contents are the bytes that they always were.
func TestContentIsThatOfEncodeItem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := inbox.Record{Kind: inbox.KindNotify, Notification: drawNotification(t)}
		b, err := codec.EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.DecodeForFold(b)
		if err != nil {
			t.Fatal(err)
		}
		seq, at := rapid.Uint64Min(1).Draw(t, "seq"), time.UnixMilli(1_790_000_000_123)
		item, err := got.Content(seq, at)
		want, wantErr := codec.EncodeItem(inbox.NewItem(r.Notification, seq, at))
		if err != nil || wantErr != nil || string(item) != string(want) {
			t.Fatalf("got %x, %v; want %x, %v", item, err, want, wantErr)
		}
	})
}

func FuzzDecodeForFold(f *testing.F) {
	seed(f, "record")
	f.Fuzz(func(t *testing.T, b []byte) { checkForFold(t, b) })
}

func BenchmarkDecodeForFold(b *testing.B) {
	value := must(b)(codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		ID: "order-1234567", Source: "orders", Type: "order.shipped", Category: "order", Title: belfry.PlainText("Your order was shipped"),
		Body: belfry.PlainText("It will arrive on Tuesday between 9 and 12."), URL: "/orders/1234567", Time: time.UnixMilli(1_790_000_000_000),
	}}))
	for name, decode := range map[string]func([]byte) error{
		"fold": func(v []byte) error { _, err := codec.DecodeForFold(v); return err },
		"full": func(v []byte) error { _, err := codec.DecodeJournal(v); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
