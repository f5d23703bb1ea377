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

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/pushtest"
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
	kafkatest.Eventually(x.t, kafkatest.Patience, func() string { return fmt.Sprintf("no answer %d to %x", n, id) }, func() bool {
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

func subscriptionOf(b *pushtest.Browser) string {
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}`, b.Endpoint, b.P256dh, b.Auth)
}

const pushEndpoint = "https://fcm.googleapis.com/fcm/send/"

// TestRequests holds what is answered over Kafka: a device is subscribed once however
// often that is asked, can be listed and goes; preferences are set; a request that comes
// again gets the words that it got.
func TestRequests(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--reply-topics", belfry.DefaultReplyTopic)...)
	x := newExchange(t, brokers, belfry.DefaultReplyTopic)
	phone := subscriptionOf(pushtest.NewBrowser(pushEndpoint + "phone"))
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
	var over struct {
		Subscriptions []struct{ Endpoint uint64 }
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
	// A command: nobody waits for an answer.
	x.send(nil, []byte(strings.ReplaceAll(subscribe, "kim", "lee")), nil)
	kafkatest.Eventually(t, kafkatest.Patience, func() string { return "a command came to nothing" }, func() bool {
		return callAPI(t, http.MethodGet, userURL(r.url, "lee", "push-subscriptions"), "", "", &over) == http.StatusOK && len(over.Subscriptions) == 1
	})
	wantMetrics(t, r.url+"/metrics",
		`belfry_request_answers_total{action="subscribe",result="ok"} 3`,
		`belfry_request_answers_total{action="subscribe",result="command"} 1`,
		`belfry_request_answer_seconds_count 10`)
}
