package responder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/webpush"
	"github.com/belfry/belfry/webpush/browser"
)

// FuzzRequest holds that a value is either understood, with all that its action needs, or
// refused by an error that names the field and nothing of an endpoint's path or keys.
func FuzzRequest(f *testing.F) {
	const secret = "device-0-4711"
	b := browser.New("https://fcm.googleapis.com/fcm/send/" + secret)
	subscription := fmt.Sprintf(`{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}`, b.Endpoint, b.P256dh, b.Auth)
	for _, seed := range []string{
		`{"recipient":"kim","action":"subscribe","subscription":` + subscription + `}`,
		`{"recipient":"kim","action":"unsubscribe","subscription":` + subscription + `}`,
		`{"recipient":"kim","action":"unsubscribe","endpoint":7}`,
		`{"recipient":"kim","action":"set-preferences","preferences":{"language":"ko"}}`,
		`{"recipient":"kim","action":"list"}`,
		`{"recipient":"kim","action":"subscribe-topic","topic":"canteen"}`,
		`{"recipient":"kim","action":"join"}`,
		`{"recipient":"kim","action":"bounce","channel":"mail","address":"a@example.com","kind":"hard"}`,
		`"{\"recipient\":\"kim\",\"action\":\"list\"}"`,
		`[` + strings.Repeat(`{"a":`, 200),
		"\x00\xff", `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	hosts, err := webpush.NewHosts()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := parse(value, time.UnixMilli(1_700_000_000_000), hosts, nil)
		var field *belfry.FieldError
		switch {
		case err != nil && !errors.As(err, &field):
			t.Errorf("%q: %v names no field", value, err)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("the error holds an endpoint: %v", err)
		case err == nil && belfry.CheckRecipient(r.recipient) != nil:
			t.Errorf("%q is for %q", value, r.recipient)
		case err == nil && r.action == actionSubscribe && r.address == nil,
			err == nil && r.action == actionUnsubscribe && r.seq == 0 && r.hash == 0,
			err == nil && r.action == actionPreferences && len(r.patch) == 0,
			err == nil && r.action == actionBounce && r.bounce == nil,
			err == nil && (r.action == actionSubscribeTopic || r.action == actionUnsubscribeTopic) && belfry.CheckTopic(r.news) != nil,
			err == nil && r.action == actionUnknown:
			t.Errorf("%q is %+v", value, r)
		}
	})
}

// TestEnvelope holds that of several headers of a name the last counts, and that an id and
// a partition are what their bytes are.
func TestEnvelope(t *testing.T) {
	header := func(key, value string) *sarama.RecordHeader {
		return &sarama.RecordHeader{Key: []byte(key), Value: []byte(value)}
	}
	partition := string(binary.BigEndian.AppendUint32(nil, 1<<30))
	got, err := readEnvelope(nil, []*sarama.RecordHeader{
		header(HeaderCorrelation, "first"), header("b3", "trace"), header(HeaderReplyTopic, "a"), header(HeaderReplyPartition, "\x00\x00\x00\x01"),
		header(HeaderCorrelation, "\x00\xff"), header(HeaderReplyTopic, "b"), header(HeaderReplyPartition, partition),
	})
	if err != nil || string(got.correlation) != "\x00\xff" || got.topic != "b" || got.partition != 1<<30 || !got.asked || got.answer {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err = readEnvelope(nil, nil); err != nil || got.correlation != nil || got.partition != -1 || got.asked {
		t.Errorf("of no headers: %+v, %v", got, err)
	}
	if got, err = readEnvelope(nil, []*sarama.RecordHeader{{Key: []byte(HeaderCorrelation)}}); err != nil || got.correlation == nil {
		t.Errorf("an empty id is one: %+v, %v", got, err)
	}
	var long *belfry.FieldError
	if _, err := readEnvelope(make([]byte, maxKey+1), nil); !errors.As(err, &long) || long.Field != "key" || !long.TooLarge {
		t.Errorf("a key of %d bytes: %v", maxKey+1, err)
	}
	if _, err := readEnvelope(make([]byte, maxKey), nil); err != nil {
		t.Errorf("a key of %d bytes: %v", maxKey, err)
	}
	for _, wrong := range []string{"", "\x00\x00\x01", "\xff\xff\xff\xff", "00001"} {
		var field *belfry.FieldError
		if _, err := readEnvelope(nil, []*sarama.RecordHeader{header(HeaderReplyPartition, wrong)}); !errors.As(err, &field) || field.Field != HeaderReplyPartition {
			t.Errorf("partition %q: %v", wrong, err)
		}
	}
}
