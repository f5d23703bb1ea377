package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/webpush/browser"
)

// exchange asks over Kafka and hears of all answers, as any client may.
type exchange struct {
	t      *testing.T
	client *kgo.Client

	mu      sync.Mutex
	answers map[string][]*kgo.Record // by correlation id
	asked   int
}

func newExchange(t *testing.T, brokers []string, topics ...string) *exchange {
	t.Helper()
	x := &exchange{t: t, answers: map[string][]*kgo.Record{}}
	var err error
	x.client, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			x.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				x.mu.Lock()
				defer x.mu.Unlock()
				if r.Attrs.CompressionType() != 0 {
					t.Errorf("an answer is compressed, which not all clients can read: %.200s", r.Value)
				}
				id := header(r, "kafka_correlationId")
				x.answers[id] = append(x.answers[id], r)
			})
		}
	})
	t.Cleanup(func() {
		stop()
		reading.Wait()
		x.client.Close()
	})
	return x
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// send writes a request. A header with a nil value is left out.
func (x *exchange) send(key, value []byte, headers map[string][]byte) *kgo.Record {
	x.t.Helper()
	r := &kgo.Record{Topic: belfry.DefaultRequestTopic, Key: key, Value: value}
	for name, h := range headers {
		if h != nil {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: h})
		}
	}
	if err := x.client.ProduceSync(x.t.Context(), r).FirstErr(); err != nil {
		x.t.Fatal(err)
	}
	return r
}

// correlate makes an id that is no text.
func (x *exchange) correlate() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked++
	return binary.BigEndian.AppendUint32([]byte{0, 0xff, 0xfe}, uint32(x.asked))
}

// await returns the n-th answer to an id, from 1.
func (x *exchange) await(id []byte, n int) *kgo.Record {
	x.t.Helper()
	var found *kgo.Record
	await.Eventually(x.t, await.Patience, func() string { return fmt.Sprintf("no answer %d to %x", n, id) }, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		if all := x.answers[string(id)]; len(all) >= n {
			found = all[n-1]
		}
		return found != nil
	})
	return found
}

// ask returns the words of the answer to a request.
func (x *exchange) ask(user, value string) string {
	x.t.Helper()
	id := x.correlate()
	x.send([]byte(user), []byte(value), map[string][]byte{"kafka_correlationId": id})
	return string(x.await(id, 1).Value)
}

func subscriptionOf(b *browser.Browser) string {
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}`, b.Endpoint, b.P256dh, b.Auth)
}

const pushEndpoint = "https://fcm.googleapis.com/fcm/send/"

// TestRequests holds what is answered over Kafka: a device is subscribed once however
// often that is asked, can be listed and goes; preferences are set; a request that comes
// again gets the words that it got.
func TestRequests(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	channels := channelsFile(t, "channels: {mail: {kind: mail, tell: [{if_unread_after: 30m}]}}")
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--reply-topics", belfry.DefaultReplyTopic, "--channels", channels)...)
	x := newExchange(t, brokers, belfry.DefaultReplyTopic)
	phone := subscriptionOf(browser.New(pushEndpoint + "phone"))
	subscribe := `{"recipient":"kim","action":"subscribe","subscription":` + phone + `}`

	id := x.correlate()
	headers := map[string][]byte{
		"kafka_correlationId": id, "kafka_replyTopic": []byte(belfry.DefaultReplyTopic), "kafka_replyPartition": {0, 0, 0, 2},
	}
	x.send([]byte("kim"), []byte(subscribe), headers)
	first := x.await(id, 1)
	var said struct {
		OK        bool
		Recipient string
		Endpoint  uint64
	}
	if err := json.Unmarshal(first.Value, &said); err != nil || !said.OK || said.Recipient != "kim" || said.Endpoint == 0 {
		t.Fatalf("answer %s: %v", first.Value, err)
	}
	if first.Partition != 2 || string(first.Key) != "kim" {
		t.Errorf("answer in partition %d with key %q, want 2 and kim", first.Partition, first.Key)
	}
	var over struct {
		Subscriptions []struct {
			Endpoint uint64
			Host     string
		}
	}
	// A device is known by its content, which may come behind the row.
	await.Eventually(t, await.Patience, func() string { return "the content of the endpoint does not come" }, func() bool {
		status := callAPI(t, http.MethodGet, userURL(r.url, "kim", "push-subscriptions"), "", "", &over)
		return status == http.StatusOK && len(over.Subscriptions) == 1 && over.Subscriptions[0].Host != ""
	})
	// The same record once more, and the same device once more.
	x.send([]byte("kim"), []byte(subscribe), headers)
	if again := x.await(id, 2); !bytes.Equal(again.Value, first.Value) {
		t.Errorf("asked twice: %s, then %s", first.Value, again.Value)
	}
	quoted, err := json.Marshal(subscribe)
	if err != nil {
		t.Fatal(err)
	}
	if again := x.ask("kim", string(quoted)); again != string(first.Value) {
		t.Errorf("asked in a text of JSON: %s, then %s", first.Value, again)
	}
	want := fmt.Sprintf(`{"ok":true,"recipient":"kim","endpoints":[{"endpoint":%d,"host":"fcm.googleapis.com","kind":"webpush"}]}`, said.Endpoint)
	if got := x.ask("kim", `{"recipient":"kim","action":"list"}`); got != want {
		t.Errorf("list %s, want %s", got, want)
	}
	if status := callAPI(t, http.MethodGet, userURL(r.url, "kim", "push-subscriptions"), "", "", &over); status != http.StatusOK || len(over.Subscriptions) != 1 || over.Subscriptions[0].Endpoint != said.Endpoint {
		t.Errorf("over HTTP: %d, %+v", status, over)
	}
	done := `{"ok":true,"recipient":"kim"}`
	if got := x.ask("kim", `{"recipient":"kim","action":"set-preferences","preferences":{"language":"ko"}}`); got != done {
		t.Errorf("set-preferences: %s", got)
	}
	var prefs struct{ Language string }
	if status := callAPI(t, http.MethodGet, userURL(r.url, "kim", "preferences"), "", "", &prefs); status != http.StatusOK || prefs.Language != "ko" {
		t.Errorf("preferences: %d, %+v", status, prefs)
	}
	for _, gone := range []string{
		`"subscription":{"endpoint":"` + pushEndpoint + `phone"}`, // and it is no error once it has gone
		fmt.Sprintf(`"endpoint":%d`, said.Endpoint),
	} {
		if got := x.ask("kim", `{"recipient":"kim","action":"unsubscribe",`+gone+`}`); got != done {
			t.Errorf("unsubscribe by %s: %s", gone, got)
		}
		if got := x.ask("kim", `{"recipient":"kim","action":"list"}`); got != `{"ok":true,"recipient":"kim","endpoints":[]}` {
			t.Errorf("list after unsubscribe by %s: %s", gone, got)
		}
	}
	if got := x.ask("nobody", `{"recipient":"nobody","action":"list"}`); got != `{"ok":true,"recipient":"nobody","endpoints":[]}` {
		t.Errorf("list of nobody: %s", got)
	}
	address := `{"address":"kim@example.com"}`
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		if status := callAPI(t, http.MethodPut, userURL(r.url, "kim", "addresses/mail"), "", address, nil); status != want {
			t.Errorf("put an address: %d, want %d", status, want)
		}
	}
	bounce := `{"recipient":"kim","action":"bounce","channel":"%s","address":"kim@example.com","kind":"hard","reason":"550 5.1.1"}`
	if got := x.ask("kim", fmt.Sprintf(bounce, "fax")); !strings.Contains(got, `"field":"channel"`) {
		t.Errorf("a bounce of a channel that there is not: %s", got)
	}
	if got := x.ask("kim", fmt.Sprintf(bounce, "mail")); got != done {
		t.Errorf("bounce: %s", got)
	}
	if status := callAPI(t, http.MethodPost, r.url+"/v1/bounces", "", `{"recipient":"kim","channel":"mail","address":"kim@example.com","kind":"hard"}`, nil); status != http.StatusOK {
		t.Errorf("a bounce over HTTP, of what is gone: %d", status)
	}
	await.Eventually(t, await.Patience, func() string { return "the address that bounced is still there" }, func() bool {
		return callAPI(t, http.MethodPut, userURL(r.url, "kim", "addresses/mail"), "", address, nil) == http.StatusCreated
	})
	wantTopicsAsked(t, r.url, x)
	// A command: nobody waits for an answer.
	x.send(nil, []byte(strings.ReplaceAll(subscribe, "kim", "lee")), nil)
	await.Eventually(t, await.Patience, func() string { return "a command came to nothing" }, func() bool {
		return callAPI(t, http.MethodGet, userURL(r.url, "lee", "push-subscriptions"), "", "", &over) == http.StatusOK && len(over.Subscriptions) == 1
	})
	wantMetrics(t, r.url+"/metrics",
		`belfry_request_answers_total{action="subscribe",result="ok"} 3`,
		`belfry_request_answers_total{action="subscribe",result="command"} 1`,
		`belfry_request_answers_total{action="bounce",result="ok"} 1`, `belfry_bounces_total{channel="mail",kind="hard"} 2`,
		`belfry_request_answers_total{action="subscribe-topic",result="ok"} 3`, `belfry_request_answers_total{action="subscribe-topic",result="command"} 255`, `belfry_request_answers_total{action="subscribe-topic",result="error"} 5`, `belfry_request_answer_seconds_count 33`)
}

// TestBadRequests holds that a request that is wrong in any way changes nothing, and that
// somebody hears of it: who asked, by an answer that names the field, or who operates, by a
// dead letter.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	// Patterns that would let answers go anywhere.
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--reply-topics", belfry.DefaultReplyTopic+",belfry.*,v1[.]event[.].*,__consumer.*")...)
	x := newExchange(t, brokers, belfry.DefaultReplyTopic)
	b := browser.New(pushEndpoint + "phone")
	with := func(field, value string) string {
		fields := map[string]string{"recipient": `"bad"`, "action": `"subscribe"`, "subscription": subscriptionOf(b)}
		fields[field] = value
		var parts []string
		for name, v := range fields {
			if v != "" {
				parts = append(parts, fmt.Sprintf("%q:%s", name, v))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	subscription := func(endpoint, p256dh, auth, more string) string {
		return with("subscription", fmt.Sprintf(`{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}%s}`, endpoint, p256dh, auth, more))
	}
	act := func(action, more string) string {
		return `{"recipient":"bad","action":"` + action + `"` + more + `}`
	}
	good := with("action", `"subscribe"`)
	id := func(text string) map[string][]byte { return map[string][]byte{"kafka_correlationId": []byte(text)} }
	to := func(topic string) map[string][]byte {
		return map[string][]byte{"kafka_correlationId": []byte("x"), "kafka_replyTopic": []byte(topic)}
	}
	at := func(partition ...byte) map[string][]byte {
		return map[string][]byte{"kafka_correlationId": []byte("x"), "kafka_replyPartition": partition}
	}
	both := func(h map[string][]byte, name string, value []byte) map[string][]byte { h[name] = value; return h }
	for _, tt := range []struct {
		name, value string
		headers     map[string][]byte // nil: an id of its own, an answer is wanted
		field       string            // that the answer, or the letter, names
		letter      deadletter.Reason // "": it is answered
	}{
		{name: "no bytes", value: ""},
		{name: "not JSON", value: "\x00\xff poison"},
		{name: "half of it", value: good[:len(good)/2]},
		{name: "a list", value: "[" + good + "]"},
		{name: "null", value: "null", field: "action"},
		{name: "a text that is not JSON", value: `"hello"`},
		{name: "a name twice", value: `{"recipient":"bad","recipient":"bad","action":"list"}`, field: "recipient"},
		{name: "too large", value: with("more", `"`+strings.Repeat("x", 70_000)+`"`)},
		{name: "no recipient", value: with("recipient", ""), field: "recipient"},
		{name: "a number for a recipient", value: with("recipient", "7"), field: "recipient"},
		{name: "nobody's name", value: with("recipient", `"a/b"`), field: "recipient"},
		{name: "a partition's name", value: with("recipient", `"__1"`), field: "recipient"},
		{name: "no action", value: with("action", ""), field: "action"},
		{name: "another action", value: with("action", `"shout"`), field: "action"},
		{name: "no subscription", value: with("subscription", ""), field: "subscription"},
		{name: "null for a subscription", value: with("subscription", "null"), field: "subscription"},
		{name: "a text for a subscription", value: with("subscription", `"https://x"`), field: "subscription"},
		{name: "no endpoint", value: subscription("", b.P256dh, b.Auth, ""), field: "subscription.endpoint"},
		{name: "another service", value: subscription("https://example.com/x", b.P256dh, b.Auth, ""), field: "subscription.endpoint"},
		{name: "this network", value: subscription("https://169.254.169.254/x", b.P256dh, b.Auth, ""), field: "subscription.endpoint"},
		{name: "no key", value: subscription(b.Endpoint, "", b.Auth, ""), field: "subscription.keys.p256dh"},
		{name: "a key that is no point", value: subscription(b.Endpoint, "AAAA", b.Auth, ""), field: "subscription.keys.p256dh"},
		{name: "a short secret", value: subscription(b.Endpoint, b.P256dh, "AAAA", ""), field: "subscription.keys.auth"},
		{name: "expired", value: subscription(b.Endpoint, b.P256dh, b.Auth, `,"expirationTime":1000`), field: "subscription.expirationTime"},
		{name: "unsubscribe nothing", value: act("unsubscribe", ""), field: "subscription"},
		{name: "unsubscribe two", value: act("unsubscribe", `,"endpoint":1,"subscription":{"endpoint":"https://x"}`), field: "endpoint"},
		{name: "unsubscribe by a text", value: act("unsubscribe", `,"endpoint":"1"`), field: "endpoint"},
		{name: "unsubscribe no endpoint", value: act("unsubscribe", `,"subscription":{}`), field: "subscription.endpoint"},
		{name: "no preferences", value: act("set-preferences", ""), field: "preferences"},
		{name: "a list of preferences", value: act("set-preferences", `,"preferences":[]`), field: "preferences"},
		{name: "another preference", value: act("set-preferences", `,"preferences":{"colour":"red"}`), field: "preferences.colour"},
		{name: "another zone", value: act("set-preferences", `,"preferences":{"zone":"Mars"}`), field: "preferences.zone"},
		{name: "too many preferences", value: act("set-preferences", `,"preferences":{"language":"`+strings.Repeat("x", 20_000)+`"}`), field: "preferences"},

		{name: "no id", value: good, headers: map[string][]byte{"kafka_replyTopic": []byte(belfry.DefaultReplyTopic)}, field: "kafka_correlationId"},
		{name: "an id of 1 MB", value: good, headers: id(strings.Repeat("x", 1_000_000)), field: "kafka_correlationId", letter: deadletter.ReasonTooLarge},
		{name: "no name for a topic", value: good, headers: to(""), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "a name that no topic has", value: good, headers: to("a b"), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "a topic that is not allowed", value: good, headers: to("orders"), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "the journal", value: good, headers: to("belfry.journal"), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "Kafka's own", value: good, headers: to("__consumer_offsets"), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "a loop", value: good, headers: to(belfry.DefaultRequestTopic), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "an answer", value: `{"ok":true}`, headers: both(id("x"), "belfry-answer", []byte("1")), field: "belfry-answer", letter: deadletter.ReasonInvalid},
		{name: "a name of 1 MB", value: good, headers: to(strings.Repeat("x", 1_000_000)), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "a topic that is not there", value: good, headers: to("v1.event.gone"), field: "kafka_replyTopic", letter: deadletter.ReasonInvalid},
		{name: "a partition that is not there", value: good, headers: at(0, 0, 0, 99), field: "kafka_replyPartition", letter: deadletter.ReasonInvalid},
		{name: "a partition below 0", value: good, headers: at(0xff, 0xff, 0xff, 0xff), field: "kafka_replyPartition", letter: deadletter.ReasonInvalid},
		{name: "a partition in a text", value: good, headers: at('2'), field: "kafka_replyPartition", letter: deadletter.ReasonInvalid},
		{name: "a command that is wrong", value: act("shout", ""), headers: map[string][]byte{}, field: "action", letter: deadletter.ReasonInvalid},
	} {
		answered := len(x.answersTo(""))
		headers, own := tt.headers, []byte(nil)
		if headers == nil {
			own = x.correlate()
			headers = map[string][]byte{"kafka_correlationId": own}
		}
		sent := x.send([]byte("bad"), []byte(tt.value), headers)
		if tt.letter != "" {
			l := awaitLetter(t, brokers, sent)
			if l.Reason != tt.letter || l.Field != tt.field || l.Group != "belfry-requests" {
				t.Errorf("%s: letter of %s: %s about %q (%s), want %s about %q", tt.name, l.Group, l.Reason, l.Field, l.Error, tt.letter, tt.field)
			}
			continue
		}
		var got *kgo.Record
		if own != nil {
			got = x.await(own, 1)
		} else {
			got = x.await(nil, answered+1)
		}
		var said struct {
			OK    bool
			Error struct{ Field, Detail string }
		}
		if err := json.Unmarshal(got.Value, &said); err != nil || said.OK || said.Error.Field != tt.field || said.Error.Detail == "" {
			t.Errorf("%s: answer %s, want one about %q", tt.name, got.Value, tt.field)
		}
		if strings.Contains(string(got.Value), b.Auth) {
			t.Errorf("%s: the answer has the key: %s", tt.name, got.Value)
		}
	}
	// An answer that its topic does not take.
	const small = "v1.event.small"
	if _, err := kadm.NewClient(x.client).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": kadm.StringPtr("100")}, small); err != nil {
		t.Fatal(err)
	}
	sent := x.send([]byte("bad"), []byte(`{"recipient":"bad","action":"list"}`), to(small))
	if l := awaitLetter(t, brokers, sent); l.Reason != deadletter.ReasonUndelivered || !strings.Contains(l.Error, small) {
		t.Errorf("an answer that is too big: letter %s: %s", l.Reason, l.Error)
	}
	// A replay asks once more, and what is as bad as before is the next attempt.
	call(t, nil, "dead-letters", "replay", "--brokers", brokers[0], "--reason", "undelivered", "--yes").WantOutput(t, "1 were replayed")
	again := *sent
	again.Offset++
	if l := awaitLetter(t, brokers, &again); l.Reason != deadletter.ReasonUndelivered || l.Attempt != 2 {
		t.Errorf("replayed, and as bad as before: letter %s of attempt %d, want 2", l.Reason, l.Attempt)
	}
	// A null value says nothing, unless somebody waits.
	x.send([]byte("bad"), nil, nil)
	own := x.correlate()
	x.send([]byte("bad"), nil, map[string][]byte{"kafka_correlationId": own})
	if got := string(x.await(own, 1).Value); !strings.HasPrefix(got, `{"ok":false,`) {
		t.Errorf("a null value: %s", got)
	}
	if got := x.ask("bad", `{"recipient":"bad","action":"list"}`); got != `{"ok":true,"recipient":"bad","endpoints":[]}` {
		t.Errorf("something was done: %s", got)
	}
	for _, m := range programtest.RecordsOf(t, brokers, "belfry.journal") {
		t.Errorf("a record of %s is in the journal", m.Key)
	}
	wantMetrics(t, r.url+"/metrics", `belfry_request_answers_total{action="unknown",result="refused"}`, `belfry_records_total{group="belfry-requests",result="tombstone"} 1`)
}

func (x *exchange) answersTo(id string) []*kgo.Record {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.answers[id]
}

// awaitLetter returns the dead letter of a record.
func awaitLetter(t *testing.T, brokers []string, sent *kgo.Record) deadletter.Envelope {
	t.Helper()
	var found *deadletter.Envelope
	await.Eventually(t, await.Patience, func() string {
		return fmt.Sprintf("no dead letter of %s/%d/%d", sent.Topic, sent.Partition, sent.Offset)
	}, func() bool {
		for _, m := range programtest.RecordsOf(t, brokers, "belfry.dead-letters") {
			if l, _, err := deadletter.ParseEnvelope(kafka.Headers(m)); err == nil && l.Topic == sent.Topic && l.Partition == sent.Partition && l.Offset == sent.Offset {
				found = &l
			}
		}
		return found != nil
	})
	return *found
}

// TestRequestsReadAgain holds that requests which are read again from the first one, as
// after a crash before a commit, change nothing and get the words that they got, whatever
// later ones have done. What a client that gave up leaves behind is harmless.
func TestRequestsReadAgain(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	args := runArgs(t, brokers, "--auth", "none", "--reply-topics", belfry.DefaultReplyTopic)
	r := serveAll(t, args...)
	x := newExchange(t, brokers, belfry.DefaultReplyTopic)
	var ids [][]byte
	ask := func(user, request string) {
		id := x.correlate()
		ids = append(ids, id)
		x.send([]byte(user), []byte(request), map[string][]byte{"kafka_correlationId": id})
		x.await(id, 1)
	}
	for _, user := range []string{"kim", "lee"} {
		phone := subscriptionOf(browser.New(pushEndpoint + user))
		subscribe := `{"recipient":"` + user + `","action":"subscribe","subscription":` + phone + `}`
		ask(user, subscribe)
		ask(user, subscribe) // there already
		ask(user, `{"recipient":"`+user+`","action":"unsubscribe","subscription":`+phone+`}`)
		ask(user, subscribe)
		ask(user, `{"recipient":"`+user+`","action":"set-preferences","preferences":{"language":"ko"}}`)
		ask(user, `{"recipient":"`+user+`","action":"set-preferences","preferences":{"language":"en"}}`)
		if user == "kim" {
			ask(user, `{"recipient":"`+user+`","action":"unsubscribe","subscription":`+phone+`}`)
		}
	}
	state := func(url string) (out string) {
		for _, user := range []string{"kim", "lee"} {
			for _, path := range []string{"preferences", "push-subscriptions"} {
				var got map[string]any
				if status := callAPI(t, http.MethodGet, userURL(url, user, path), "", "", &got); status != http.StatusOK {
					t.Fatalf("%s of %s: %d", path, user, status)
				}
				delete(got, "version")
				delete(got, "cursor")
				out += fmt.Sprintln(user, path, got)
			}
		}
		return out
	}
	before := state(r.url)
	if code := r.stop(); code != 0 {
		t.Fatalf("ended with %d", code)
	}
	// The group has done nothing yet.
	offsets := kadm.Offsets{}
	for p := range int32(3) {
		offsets.AddOffset(belfry.DefaultRequestTopic, p, 0, -1)
	}
	if err := kadm.NewClient(x.client).CommitAllOffsets(t.Context(), "belfry-requests", offsets); err != nil {
		t.Fatal(err)
	}
	// Nobody answers now: a client gives up, and asks again.
	given, again := x.correlate(), x.correlate()
	phone := subscriptionOf(browser.New(pushEndpoint + "max"))
	for _, id := range [][]byte{given, again} {
		x.send([]byte("max"), []byte(`{"recipient":"max","action":"subscribe","subscription":`+phone+`}`), map[string][]byte{"kafka_correlationId": id})
	}
	r = serveAll(t, args...)
	if late, own := x.await(given, 1), x.await(again, 1); !bytes.Equal(late.Value, own.Value) {
		t.Errorf("who gave up was told %s, and then %s", late.Value, own.Value)
	}
	var asked struct{ Subscriptions []struct{ Endpoint uint64 } }
	if status := callAPI(t, http.MethodGet, userURL(r.url, "max", "push-subscriptions"), "", "", &asked); status != http.StatusOK || len(asked.Subscriptions) != 1 {
		t.Errorf("who gave up and asked again has %+v (%d), want one device", asked, status)
	}
	for i, id := range ids {
		if first, again := x.await(id, 1), x.await(id, 2); !bytes.Equal(first.Value, again.Value) {
			t.Errorf("request %d: %s, read again: %s", i, first.Value, again.Value)
		}
	}
	if after := state(r.url); after != before {
		t.Errorf("before: %s\nafter: %s", before, after)
	}
}
