package codec_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

func checkRecord(t fataler, r inbox.Record) {
	t.Helper()
	b, err := codec.EncodeRecord(r)
	if err != nil {
		t.Fatalf("encode %+v: %v", r, err)
	}
	got, err := codec.DecodeRecord(b)
	if err != nil {
		t.Fatalf("decode %+v: %v", r, err)
	}
	if !reflect.DeepEqual(got, r) {
		t.Fatalf("got %+v, want %+v", got, r)
	}
	if again, err := codec.EncodeRecord(got); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoded again: %x, %v; want %x", again, err, b)
	}
}

func TestRecordRoundTrip(t *testing.T) {
	for kind := inbox.KindNotify; kind.Valid(); kind++ {
		r := inbox.Record{Kind: kind}
		switch kind { // what these are without
		case inbox.KindEndpoint:
			r.Endpoint = &inbox.Address{Kind: inbox.EndpointMail}
		case inbox.KindTell:
			r.Tell = &inbox.Tell{Kind: inbox.EndpointText}
		case inbox.KindUntell:
			r.Untell = &inbox.Untell{}
		}
		t.Run(kind.String(), func(t *testing.T) { checkRecord(t, r) })
	}
	t.Run("any", rapid.MakeCheck(func(t *rapid.T) { checkRecord(t, drawRecord(t)) }))
}

// TestNotificationsAreEncodedAsByTheGeneratedCodec holds that the hand-written encoder
// writes the same bytes, and the same of what cannot be written.
func TestNotificationsAreEncodedAsByTheGeneratedCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := inbox.Record{
			Kind: inbox.KindNotify, Notification: drawNotification(t), Origin: drawOrigin(t),
			Rule: rapid.String().Draw(t, "rule"), Silent: rapid.Bool().Draw(t, "silent"),
		}
		switch rapid.IntRange(0, 9).Draw(t, "what is wrong") {
		case 0:
			r.Notification.Title = belfry.Text{"en": "half\xff", "": "whole"}
		case 1:
			r.Notification.Actor.Name = "\xf0\x28"
		case 2:
			r.Notification.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		case 3:
			r.Notification.Priority = 7
		case 4:
			r.Rule = "\xff"
		}
		got, err := codec.EncodeRecord(r)
		want, wantErr := codec.ReferenceRecord(r)
		if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("%+v is %x, %v; want %x, %v", r, got, err, want, wantErr)
		}
	})
}

// The kinds are stored by the numbers of the domain.
func TestKindsAreThoseOfTheDomain(t *testing.T) {
	for number, name := range belfrypb.Kind_name {
		if number == 0 {
			continue
		}
		if got := "KIND_" + strings.ToUpper(strings.ReplaceAll(inbox.Kind(number).String(), "-", "_")); got != name {
			t.Errorf("kind %d: got %s, want %s", number, got, name)
		}
	}
	if next := inbox.Kind(len(belfrypb.Kind_name)); next.Valid() {
		t.Errorf("%v is not in belfry.proto", next)
	}
}

// Fields that do not count for the kind are not stored, nor are those that the key says.
func TestEncodeRecordLeavesOut(t *testing.T) {
	full := inbox.Record{
		Notification: belfry.Notification{Recipient: "user-7", ID: "1"},
		Rule:         "rule",
		Origin:       inbox.Origin{Offset: 1},
		Retraction:   belfry.Retraction{Recipient: "user-7", ID: "1"},
		Seqs:         []uint64{1},
		UpTo:         2,
		Category:     "board",
	}
	for _, tt := range []struct {
		kind inbox.Kind
		want inbox.Record
	}{
		{inbox.KindNotify, inbox.Record{Notification: belfry.Notification{ID: "1"}, Rule: "rule", Origin: inbox.Origin{Offset: 1}}},
		{inbox.KindRetract, inbox.Record{Retraction: belfry.Retraction{ID: "1"}, Rule: "rule", Origin: inbox.Origin{Offset: 1}}},
		{inbox.KindDelete, inbox.Record{Seqs: []uint64{1}, UpTo: 2, Category: "board"}},
		{inbox.KindErase, inbox.Record{}},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			full.Kind, tt.want.Kind = tt.kind, tt.kind
			b, err := codec.EncodeRecord(full)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := codec.DecodeRecord(b); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	for _, tt := range []struct {
		name     string
		in, want time.Time
	}{
		{"zero", time.Time{}, time.Time{}},
		{"zone", time.Date(2026, 3, 2, 18, 0, 0, 0, seoul), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)},
		{"whole milliseconds", time.Unix(1, 1_999_999), time.UnixMilli(1001).UTC()},
		{"1970 is not zero", time.Unix(0, 0), time.Unix(0, 0).UTC()},
		{"before 1970", time.UnixMilli(-1), time.UnixMilli(-1).UTC()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Time: tt.in, ExpiresAt: tt.in}}
			b, err := codec.EncodeRecord(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec.DecodeRecord(b)
			if err != nil {
				t.Fatal(err)
			}
			if n := got.Notification; n.Time != tt.want || n.ExpiresAt != tt.want {
				t.Errorf("got %v and %v, want %v", n.Time, n.ExpiresAt, tt.want)
			}
		})
	}
}

func TestEncodeRecordRefuses(t *testing.T) {
	notify := func(n belfry.Notification) inbox.Record {
		return inbox.Record{Kind: inbox.KindNotify, Notification: n}
	}
	for _, tt := range []struct {
		name   string
		record inbox.Record
		want   string
	}{
		{"no kind", inbox.Record{}, "kind(0)"},
		{"snooze beyond all times", inbox.Record{Kind: inbox.KindSnooze, Until: 1 << 60}, "until in the year"},
		{"unknown kind", inbox.Record{Kind: inbox.KindUnsubscribe + 1}, "kind(23)"},
		{"no endpoint", inbox.Record{Kind: inbox.KindEndpoint}, "without an endpoint"},
		{"kind of an endpoint", inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: 4}}, "kind(4)"},
		{"endpoint that expires late", inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: 1, ExpiresAt: time.UnixMilli(1 << 60)}}, "expires_at in the year"},
		{"no channel", inbox.Record{Kind: inbox.KindTell}, "without a channel"},
		{"kind of a channel", inbox.Record{Kind: inbox.KindTell, Tell: &inbox.Tell{}}, "kind(0)"},
		{"tell beyond all times", inbox.Record{Kind: inbox.KindTell, Tell: &inbox.Tell{Kind: 1, GoodUntil: 1 << 60}}, "good_until in the year"},
		{"no decision", inbox.Record{Kind: inbox.KindUntell}, "without a decision"},
		{"untell beyond all times", inbox.Record{Kind: inbox.KindUntell, Untell: &inbox.Untell{NotBefore: 1 << 60}}, "not_before in the year"},
		{"priority", notify(belfry.Notification{Priority: 3}), "priority 3"},
		{"late time", notify(belfry.Notification{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}), "time in the year 10000"},
		{
			"late in UTC only",
			notify(belfry.Notification{ExpiresAt: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -2*3600))}),
			"expires_at in the year 10000",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := codec.EncodeRecord(tt.record)
			if !errors.Is(err, belfry.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %x, %v; want ErrCorrupt that says %q", b, err, tt.want)
			}
		})
	}
	if b, err := codec.EncodeRecord(notify(belfry.Notification{ID: "\xff"})); err == nil {
		t.Errorf("id that is not UTF-8: got %x", b)
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for _, tt := range []struct {
		name   string
		record *belfrypb.Record
		want   string
	}{
		{"no format", &belfrypb.Record{Kind: belfrypb.Kind_KIND_TOUCH}, "no format number"},
		{"no kind", &belfrypb.Record{Format: 1}, "kind 0"},
		{"unknown kind", &belfrypb.Record{Format: 1, Kind: 23}, "kind 23"},
		{"no endpoint", &belfrypb.Record{Format: 2, Kind: belfrypb.Kind_KIND_ENDPOINT}, "without an endpoint"},
		{"kind of an endpoint", &belfrypb.Record{Format: 2, Kind: belfrypb.Kind_KIND_ENDPOINT, Endpoint: &belfrypb.Endpoint{Kind: 257}}, "kind 257"},
		{"no channel", &belfrypb.Record{Format: 2, Kind: belfrypb.Kind_KIND_TELL}, "without a channel"},
		{"kind of a channel", &belfrypb.Record{Format: 2, Kind: belfrypb.Kind_KIND_TELL, Tell: &belfrypb.Tell{}}, "kind 0"},
		{"no decision", &belfrypb.Record{Format: 2, Kind: belfrypb.Kind_KIND_UNTELL}, "without a decision"},
		{"kind beyond 8 bits", &belfrypb.Record{Format: 1, Kind: 256 + belfrypb.Kind_KIND_ERASE}, "kind 265"},
		{"negative kind", &belfrypb.Record{Format: 1, Kind: -1}, "kind -1"},
		{"notify without notification", &belfrypb.Record{Format: 1, Kind: belfrypb.Kind_KIND_NOTIFY}, "without a notification"},
		{"retract without retraction", &belfrypb.Record{Format: 1, Kind: belfrypb.Kind_KIND_RETRACT}, "without a retraction"},
		{"priority", &belfrypb.Record{
			Format: 1, Kind: belfrypb.Kind_KIND_NOTIFY, Notification: &belfrypb.Notification{Priority: 256},
		}, "priority 256"},
		{"time", &belfrypb.Record{
			Format: 1, Kind: belfrypb.Kind_KIND_NOTIFY, Notification: &belfrypb.Notification{TimeMs: &late},
		}, "time in the year 10000"},
		{"topic ID", &belfrypb.Record{
			Format: 1, Kind: belfrypb.Kind_KIND_NOTIFY, Notification: &belfrypb.Notification{},
			Origin: &belfrypb.Origin{TopicId: []byte{1}},
		}, "topic ID of 1 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := proto.Marshal(tt.record)
			if err != nil {
				t.Fatal(err)
			}
			r, err := codec.DecodeRecord(b)
			if !errors.Is(err, belfry.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v; want ErrCorrupt that says %q", r, err, tt.want)
			}
		})
	}
}

func TestTextOrderDoesNotCount(t *testing.T) {
	languages := []string{"", "en", "ko", "ja", "de", "fr", "pt-BR", "zh-Hant"}
	var want []byte
	for i := range 40 {
		n := belfry.Notification{Title: belfry.Text{}, Body: belfry.Text{}}
		for j := range languages {
			l := languages[(i+j)%len(languages)]
			n.Title[l], n.Body[l] = "title "+l, "body "+l
		}
		got, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: n})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
		want = got
	}
}

// A record that an older program would take for another one is of format 2, all others
// are as they were.
func TestRecordFormats(t *testing.T) {
	notify := inbox.Record{Kind: inbox.KindNotify}
	later := notify
	later.Notification.DeliverAt = time.UnixMilli(1_790_000_000_000)
	for _, tt := range []struct {
		record inbox.Record
		want   byte
	}{
		{notify, 1},
		{later, 2},
		{inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1}}, 1},
		{inbox.Record{Kind: inbox.KindRead, UpTo: 1}, 1},
		{inbox.Record{Kind: inbox.KindRead, UpTo: 1, Seqs: []uint64{1}}, 2},
		{inbox.Record{Kind: inbox.KindTouch}, 1},
		{inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{1}, Until: 5}, 2},
		{inbox.Record{Kind: inbox.KindUnsnooze, Seqs: []uint64{1}}, 2},
		{inbox.Record{Kind: inbox.KindMute, Category: "a"}, 2},
		{inbox.Record{Kind: inbox.KindUnmute, Category: "a"}, 2},
		{inbox.Record{Kind: inbox.KindPrefs}, 2},
		{inbox.Record{Kind: inbox.KindEndpointGone}, 2},
	} {
		if b := must(t)(codec.EncodeRecord(tt.record)); b[0] != 1<<3 || b[1] != tt.want {
			t.Errorf("%+v is of format %d, want %d", tt.record, b[1], tt.want)
		}
	}
}
