package processors_test

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/kafkatest"
)

type poison struct {
	name   string
	record *sarama.ProducerMessage
	reason deadletter.Reason
	says   string
}

func TestBadNotificationsAreSetAside(t *testing.T) {
	t.Parallel()
	bad := func(name, value string, reason deadletter.Reason, says string) poison {
		return poison{name, event(value, "trace", "1", "again", "a", "trace", "2"), reason, says}
	}
	field := func(name, fields, says string) poison {
		return bad(name, `{"recipient":"user-1","title":"x",`+fields+`}`, deadletter.ReasonInvalid, says)
	}
	to := func(name, recipient, says string) poison {
		return bad(name, fmt.Sprintf(`{"recipient":%q,"title":"x"}`, recipient), deadletter.ReasonInvalid, says)
	}
	poisons := []poison{
		bad("not JSON", `approval!`, deadletter.ReasonInvalid, "must be JSON"),
		bad("cut JSON", `{"recipient":"user-1"`, deadletter.ReasonInvalid, "must be JSON"),
		bad("empty value", ``, deadletter.ReasonEmpty, "no bytes"),
		bad("list of nothing good", `[7,{"recipient":"user-1"}]`, deadletter.ReasonInvalid, "[0]: must be a JSON object"),
		bad("half a surrogate pair", `{"recipient":"user-1","title":"x","id":"\ud800"}`, deadletter.ReasonInvalid, "id: "),
		bad("no title", `{"recipient":"user-1"}`, deadletter.ReasonInvalid, "title: "),
		bad("no recipient", `{"title":"x"}`, deadletter.ReasonInvalid, "recipient: is required"),
		to("recipient of 129 bytes", strings.Repeat("a", 129), "recipient: must be at most 128 bytes, has 129"),
		to("recipient with a slash", "a/b", `recipient: must not contain "/"`),
		to("internal recipient", "__offset", `recipient: must not start with "__"`),
		bad("recipient with a control character", "{\"recipient\":\"a\\u0007\",\"title\":\"x\"}", deadletter.ReasonInvalid, "recipient: must not contain control characters"),
		bad("bad recipients alone", `{"recipients":["a/b",7],"title":"x"}`, deadletter.ReasonInvalid, "recipients[0]: "),
		bad("item over 64 KiB", `{"recipient":"user-1","title":"x","body":"`+strings.Repeat("가", 22000)+`"}`, deadletter.ReasonTooLarge, "65536 bytes"),
		bad("recipient of a wrong type", `{"recipient":7,"title":"x"}`, deadletter.ReasonInvalid, "recipient: must be a text"),
		bad("title of a wrong type", `{"recipient":"user-1","title":5}`, deadletter.ReasonInvalid, "title: "),
		field("priority", `"priority":"huge"`, "priority: "),
		field("data", `"data":[1]`, "data: "),
		bad("retraction of nothing", `{"recipient":"user-1","retract":true}`, deadletter.ReasonInvalid, "id: "),
		bad("broken CloudEvent", `{"specversion":"1.0","id":"1","data":{}}`, deadletter.ReasonInvalid, "CloudEvent"),
		{"CloudEvent of an unknown version", event(`{"recipient":"user-1","title":"x"}`, "ce_specversion", "9.9", "ce_id", "1", "ce_source", "/s", "ce_type", "t"),
			deadletter.ReasonInvalid, "CloudEvent"},
	}
	cfg := installed(t)
	var records []*sarama.ProducerMessage
	for _, p := range poisons {
		records = append(records, p.record, event(`{"recipient":"good","title":"fine"}`))
	}
	tombstone := &sarama.ProducerMessage{Topic: prefix.Notifications(), Key: sarama.StringEncoder("user-1")}
	records = append(records, tombstone, event(`null`), event(`{"schema":null,"payload":null}`), event(`{"recipient":"good","title":"last"}`))
	produce(t, cfg, records...)
	p := start(t, cfg)
	p.awaitCount(t, "good", len(poisons)+1)
	if got := p.count("user-1"); got != 0 {
		t.Errorf("user-1 got %d", got)
	}
	group := prefix.RouterGroup(prefix.Notifications())
	checkDead(t, p, group, poisons)
	for result, want := range map[string]float64{"tombstone": 3, "routed": float64(len(poisons) + 1), "dead-letter": float64(len(poisons))} {
		if got := p.counter(t, "belfry_records_total", group, result); got != want {
			t.Errorf("%s: counted %v, want %v", result, got, want)
		}
	}
}

// checkDead checks that the dead letters are those records and no others.
func checkDead(t *testing.T, p *path, group string, poisons []poison) {
	t.Helper()
	found := map[string]*sarama.ConsumerMessage{}
	for _, m := range consume(t, p.cfg, prefix.DeadLetters(), len(poisons)) {
		at := ""
		for _, h := range m.Headers {
			switch string(h.Key) {
			case deadletter.HeaderTopic, deadletter.HeaderPartition, deadletter.HeaderOffset:
				at += string(h.Value) + "/"
			}
		}
		found[at] = m
	}
	for _, want := range poisons {
		t.Run(want.name, func(t *testing.T) {
			m := found[fmt.Sprintf("%s/%d/%d/", want.record.Topic, want.record.Partition, want.record.Offset)]
			if m == nil {
				t.Fatal("no dead letter")
			}
			if got, want := bytesOf(t, m.Key), encoded(t, want.record.Key); got != want {
				t.Errorf("key %.40s, want %.40s", got, want)
			}
			if got, want := bytesOf(t, m.Value), encoded(t, want.record.Value); got != want {
				t.Errorf("value %.40s, want %.40s", got, want)
			}
			theirs := len(want.record.Headers)
			for i, h := range want.record.Headers {
				if got := m.Headers[i]; string(got.Key) != string(h.Key) || string(got.Value) != string(h.Value) {
					t.Errorf("header %d is %s=%s, want %s=%s", i, got.Key, got.Value, h.Key, h.Value)
				}
			}
			ours := map[string]string{}
			for _, h := range m.Headers[theirs:] {
				ours[string(h.Key)] = string(h.Value)
			}
			if got := ours[deadletter.HeaderReason]; got != string(want.reason) {
				t.Errorf("reason %s, want %s (%s)", got, want.reason, ours[deadletter.HeaderError])
			}
			if got := ours[deadletter.HeaderError]; !strings.Contains(got, want.says) {
				t.Errorf("error %q does not say %q", got, want.says)
			}
			if got := ours[deadletter.HeaderGroup]; got != group {
				t.Errorf("group %s, want %s", got, group)
			}
		})
	}
	if got := p.counter(t, "belfry_dead_letters_total", group, string(poisons[0].reason)); got == 0 {
		t.Errorf("no dead letters of %s were counted as %s", group, poisons[0].reason)
	}
}

func bytesOf(t *testing.T, b []byte) string {
	t.Helper()
	if b == nil {
		return "null"
	}
	return strconv.Quote(string(b))
}

func encoded(t *testing.T, e sarama.Encoder) string {
	t.Helper()
	if e == nil {
		return "null"
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return bytesOf(t, b)
}

func TestGarbageOnTheJournalIsSetAside(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	journal := prefix.Journal()
	good, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "1", Title: belfry.PlainText("x")}})
	if err != nil {
		t.Fatal(err)
	}
	poisons := []poison{
		{"garbage", keyed(journal, "user-1", []byte("garbage")), deadletter.ReasonUndecodable, "record: "},
		{"zeros", keyed(journal, "user-1", make([]byte, 100)), deadletter.ReasonUndecodable, "record: "},
		{"empty", keyed(journal, "user-1", []byte{}), deadletter.ReasonEmpty, "no bytes"},
		{"null", keyed(journal, "user-1", nil), deadletter.ReasonEmpty, "no bytes"},
		{"key with a slash", keyed(journal, "user-1/7", good), deadletter.ReasonUndecodable, "journal key: "},
		{"key of the store", keyed(journal, "__offset", good), deadletter.ReasonUndecodable, "journal key: "},
		{"no key", &sarama.ProducerMessage{Topic: journal, Value: sarama.ByteEncoder(good)}, deadletter.ReasonUndecodable, "journal key: "},
		{"record of a newer format", keyed(journal, "user-1", append([]byte{0x08, 0x63}, good[2:]...)), deadletter.ReasonUndecodable, "newer version"},
	}
	var records []*sarama.ProducerMessage
	for i, p := range poisons {
		records = append(records, keyed(journal, fmt.Sprint("before-", i), good), p.record)
	}
	for i := range 20 {
		records = append(records, keyed(journal, fmt.Sprint("after-", i), good))
	}
	produce(t, cfg, records...)
	p := start(t, cfg)
	for i := range 20 {
		p.awaitCount(t, fmt.Sprint("after-", i), 1)
	}
	// The store has its own offset under this key, once rows were written.
	store := poison{"key of the store, later", keyed(journal, "__offset", good), deadletter.ReasonUndecodable, "journal key: "}
	records = []*sarama.ProducerMessage{store.record}
	for i := range 20 {
		records = append(records, keyed(journal, fmt.Sprint("last-", i), good))
	}
	produce(t, cfg, records...)
	for i := range 20 {
		p.awaitCount(t, fmt.Sprint("last-", i), 1)
	}
	checkDead(t, p, prefix.UnreadGroup(), append(poisons, store))
	if got := p.count("user-1"); got != 0 {
		t.Errorf("user-1 has %d", got)
	}
}

// A record of the size that a broker takes by default must fit into the dead
// letters with our headers.
func TestRecordOfTheGreatestSizeIsSetAside(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	// The embedded broker takes records of any size.
	cfg.Brokers = kafkatest.Start(t, kafkatest.Config{}).Brokers()
	makeTopics(t, cfg)
	noise := make([]byte, 1<<20-200)
	rand.Read(noise)
	big := event(string(noise))
	produce(t, cfg, big, event(`{"recipient":"good","title":"fine"}`))
	p := start(t, cfg)
	p.awaitCount(t, "good", 1)
	checkDead(t, p, prefix.RouterGroup(prefix.Notifications()), []poison{{"big", big, deadletter.ReasonInvalid, "must be JSON"}})
}
