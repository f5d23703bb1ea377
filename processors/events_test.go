package processors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/envelope"
)

// items gives the recipient's contents, oldest first.
func (p *path) items(t *testing.T, recipient string) []inbox.Item {
	t.Helper()
	row, err := p.unread.Row(recipient)
	if err != nil {
		t.Fatal(err)
	}
	var out []inbox.Item
	for _, e := range row.Items {
		var item inbox.Item
		await.Eventually(t, patience, func() string { return fmt.Sprintf("no content of %s/%d", recipient, e.Seq) }, func() bool {
			var ok bool
			item, ok, err = p.inbox.Item(recipient, e.Seq)
			return err == nil && ok
		})
		out = append(out, item)
	}
	return out
}

func TestEventsOfEveryKindByTopic(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := start(t, cfg)
	const attributes = `"specversion":"1.0","source":"/billing","type":"order.paid"`
	produce(t, cfg,
		event(`{"recipients":["a","b","사용자-7","a"],"title":"to three","id":"1","source":"board"}`),
		event(`{`+attributes+`,"id":"e-1","subject":"a","data":{"title":"structured"}}`, "content-type", "application/cloudevents+json"),
		event(`{"recipient":"a","title":{"en":"binary","ko":"이진"}}`, "ce_specversion", "1.0", "ce_source", "/billing", "ce_type", "order.paid", "ce_id", "e-2"),
		event(`{"recipient":"a","title":"duplicate of an event","id":"e-1","source":"/billing"}`),
		event(`{"recipient":"a","title":"first of a collapse","collapse_key":"c"}`),
		event(`{"recipient":"a","title":"second of a collapse","collapse_key":"c"}`),
		event(`{"retract":true,"recipient":"early","id":"9","source":"board"}`),
		event(`{"recipient":"early","title":"too late","id":"9","source":"board"}`),
		event(`{"recipient":"early","title":"mark"}`),
	)
	for recipient, want := range map[string]int{"a": 4, "b": 1, "사용자-7": 1, "early": 1} {
		p.awaitCount(t, recipient, want)
	}
	var got []string
	for _, item := range p.items(t, "a") {
		got = append(got, fmt.Sprintf("%s|%s|%s", item.Title[item.Title.Languages()[0]], item.Source, item.Type))
	}
	want := []string{"to three|board|", "structured|/billing|order.paid", "binary|/billing|order.paid", "second of a collapse|" + prefix.Notifications() + "|"}
	if !slices.Equal(got, want) {
		t.Errorf("a has %q, want %q", got, want)
	}
	row, err := p.unread.Row("a")
	if last := row.Items[len(row.Items)-1]; err != nil || last.Count != 2 || last.Replaces == 0 {
		t.Errorf("the collapsed item is %+v, %v", last, err)
	}
	replaced := row.Items[len(row.Items)-1].Replaces
	produce(t, cfg,
		event(`{"retract":true,"recipients":["a","b"],"id":"1","source":"board"}`),
		event(`{"retract":true,"recipient":"a","collapse_key":"c"}`),
		event(`{`+attributes+`,"id":"e-3","data":{"retract":true,"recipient":"a","id":"e-2"}}`))
	for recipient, want := range map[string]int{"a": 1, "b": 0, "사용자-7": 1} {
		p.awaitCount(t, recipient, want)
	}
	// Contents go with their items.
	for _, seq := range append([]uint64{replaced}, row.Items[0].Seq, row.Items[2].Seq, row.Items[3].Seq) {
		await.Eventually(t, patience, func() string { return fmt.Sprintf("content of a/%d is still there", seq) }, func() bool {
			_, there, err := p.inbox.Item("a", seq)
			return err == nil && !there
		})
	}
}

// The journal carries the broker's clock, whatever a producer's says.
func TestExpiryGoesByTheBrokersClock(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	now := time.Now()
	record := func(recipient string, producers, expires time.Time) *sarama.ProducerMessage {
		value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
			ID: "1", Title: belfry.PlainText("x"), ExpiresAt: expires}})
		if err != nil {
			t.Fatal(err)
		}
		m := keyed(prefix.Journal(), recipient, value)
		m.Timestamp = producers
		return m
	}
	produce(t, cfg,
		record("ahead", now.Add(48*time.Hour), now.Add(24*time.Hour)),
		record("behind", now.Add(-48*time.Hour), now.Add(-24*time.Hour)))
	p := start(t, cfg)
	p.awaitCount(t, "ahead", 1)
	await.Eventually(t, patience, func() string { return "no row of behind" }, func() bool {
		row, err := p.unread.Row("behind")
		return err == nil && row.Version > 0
	})
	if row, err := p.unread.Row("behind"); err != nil || len(row.Items) != 0 {
		t.Errorf("an item that came expired is kept: %+v, %v", row.Items, err)
	}
	for _, m := range consume(t, cfg, prefix.Journal(), 2) {
		if m.Timestamp.Before(now.Add(-time.Hour)) || m.Timestamp.After(now.Add(time.Hour)) {
			t.Errorf("the record of %s has the producer's time %v", m.Key, m.Timestamp)
		}
	}
}

// held takes dead letters and acknowledges none by itself.
type held struct {
	mu   sync.Mutex
	done []func(error)
}

func (h *held) Send(_ context.Context, _ *sarama.ConsumerMessage, _ deadletter.Envelope, done func(error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, done)
}

func (h *held) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.done)
}

// answer answers for the nth record that was sent.
func (h *held) answer(n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[n](err)
}

// The offset of a record that cannot be processed waits for its dead letter.
func TestOffsetsWaitForDeadLetters(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	produce(t, cfg, event(`{"recipient":"a","title":"x"}`), event("bad"), event(`{"recipient":"a","title":"y"}`))
	h := &held{}
	deps := processors.Deps{Prefix: prefix, DeadLetters: h, Metrics: processors.NewMetrics(prometheus.NewRegistry())}
	router := engine.NewProcessor(cfg, processors.NewRouter(deps, prefix.Notifications(), envelope.Notifications{}).Group())
	await.Running(t, router.Run)
	group := prefix.RouterGroup(prefix.Notifications())
	committed := func(want int64) {
		t.Helper()
		var got [partitions]int64
		await.Eventually(t, patience, func() string { return fmt.Sprintf("committed %d, want %d", got[0], want) }, func() bool {
			got, _ = offsets(t, cfg, group, prefix.Notifications())
			return got[0] == want
		})
	}
	sent := func(n int) {
		t.Helper()
		await.Eventually(t, patience, func() string { return fmt.Sprintf("%d dead letters, want %d", h.count(), n) }, func() bool { return h.count() == n })
	}
	sent(1)
	consume(t, cfg, prefix.Journal(), 2) // the one after it is done
	committed(1)
	h.answer(0, errors.New("the broker is gone"))
	sent(2)
	if got, _ := offsets(t, cfg, group, prefix.Notifications()); got[0] != 1 {
		t.Errorf("committed %d past a dead letter that was not written", got[0])
	}
	h.answer(1, nil)
	committed(3)
}

// A producer of others writes events with the partitioner of Java, with and without a key.
func TestEventsOfAForeignProducer(t *testing.T) {
	t.Parallel()
	kafkatest.Jars(t)
	cfg := installed(t)
	p := start(t, cfg)
	const users = 30
	var records [][2]string
	for i := range users * 3 {
		user := fmt.Sprintf("사용자-%d", i%users)
		value, err := json.Marshal(map[string]any{"recipient": user, "title": "안녕", "id": fmt.Sprint(i), "source": "java"})
		if err != nil {
			t.Fatal(err)
		}
		key := user
		if i%3 == 0 {
			key = kafkatest.Null
		}
		records = append(records, [2]string{key, string(value)}, [2]string{key, string(value)})
	}
	if err := kafkatest.JavaProduce(t, cfg.Brokers, prefix.Notifications(), records); err != nil {
		t.Fatal(err)
	}
	for u := range users {
		user := fmt.Sprintf("사용자-%d", u)
		p.awaitCount(t, user, 3)
	}
	for _, m := range consume(t, cfg, prefix.Notifications(), len(records)) {
		if m.Key != nil && m.Partition != kafka.Partition(string(m.Key), partitions) {
			t.Errorf("Java put %s into partition %d, we have %d", m.Key, m.Partition, kafka.Partition(string(m.Key), partitions))
		}
	}
}
