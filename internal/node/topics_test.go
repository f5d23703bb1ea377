package node

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bomb"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

func TestRemediesRunAsPrinted(t *testing.T) {
	t.Parallel()
	cfg := &kafka.Config{Brokers: []string{"a:9092", "b:9092"}, Prefix: "acme"}
	deps := processors.Deps{Prefix: "acme", Metrics: processors.NewMetrics(prometheus.NewRegistry())}
	for name, flag := range map[string]string{GroupRouter: "--new-epoch=notifications", GroupUnread: "--new-epoch"} {
		if got, want := newGroup(name, cfg, deps, 100).Remedy, fmt.Sprintf(`run "belfry topics --brokers a:9092,b:9092 --prefix acme %s"`, flag); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// looked is a look at the topics of an installation.
func looked(t *testing.T) *opsTopics {
	t.Helper()
	cfg := kafka.Config{Brokers: kafkatest.Embedded(t), Prefix: "acme", Logger: slog.New(slog.DiscardHandler)}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	specs := append(belfry.Prefix("acme").Topics(2), belfry.TopicSpec{Name: "orders", Partitions: 2})
	if _, err := topics.Ensure(t.Context(), specs, 1); err != nil {
		t.Fatal(err)
	}
	behind := lag.NewReport(time.Time{}, []lag.Group{{Name: "acme-router-orders", Partitions: []lag.Partition{{Topic: "orders"}, {Topic: "gone"}}}})
	return &opsTopics{config: cfg, prefix: "acme", lag: func() lag.Report { return behind }}
}

func TestTopicsOfAnInstallation(t *testing.T) {
	t.Parallel()
	o := looked(t)
	kafkatest.Produce(t, o.config.Brokers, &sarama.ProducerMessage{Topic: "orders", Value: sarama.StringEncoder("{}")})
	got, err := o.Topics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, topic := range got {
		kinds[topic.Name] = topic.Kind
		switch topic.Name {
		case "gone":
			if topic.Exists {
				t.Error("a topic that is gone is there")
			}
		case "orders":
			if !topic.Exists || topic.Records != 1 || len(topic.Partitions) != 2 || topic.Replication != 1 || topic.Degraded != 0 {
				t.Errorf("orders: %+v", topic)
			}
		case "acme-unread-table":
			if topic.Policy != "compact" || topic.RetentionMS != nil {
				t.Errorf("a table: %+v", topic)
			}
		case "acme.journal":
			if topic.RetentionMS == nil || *topic.RetentionMS != 7*24*3600*1000 {
				t.Errorf("the journal: %+v", topic)
			}
		}
	}
	for name, want := range map[string]string{
		"acme.notifications": "notifications", "acme.journal": "journal", "acme-unread-table": "table", "acme-inbox-table": "table",
		"acme.dead-letters": "dead-letters", "orders": "source", "gone": "source",
	} {
		if kinds[name] != want {
			t.Errorf("%s is %q, want %q", name, kinds[name], want)
		}
	}
}

// TestNewestRecordsAreShownAsTheirReadersSeeThem looks at one record of each kind.
func TestNewestRecordsAreShownAsTheirReadersSeeThem(t *testing.T) {
	t.Parallel()
	o := looked(t)
	newest := func(topic string) ops.Record {
		t.Helper()
		got, err := o.Newest(t.Context(), ops.RecordQuery{Topic: topic, Partition: -1, Limit: 1})
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", topic, got, err)
		}
		return got[0]
	}
	put := func(topic, value string) { // after what was there
		t.Helper()
		m := &sarama.ProducerMessage{Topic: topic}
		if value != "" {
			m.Value = sarama.StringEncoder(value)
		}
		kafkatest.Produce(t, o.config.Brokers, m)
	}
	put("acme.notifications", `{"id":"n1","recipient":"u","title":"x"}`)
	if r := newest("acme.notifications"); r.Error != "" || len(r.Decoded) != 1 || r.Decoded[0].ID != "n1" || len(r.Decoded[0].Rules) != 1 || r.Value == nil {
		t.Errorf("a notification: %+v", r)
	}
	put("acme.notifications", `{"id":"n1"}`)
	if r := newest("acme.notifications"); !strings.Contains(r.Error, "recipient") {
		t.Errorf("a bad notification: %+v", r)
	}
	put("orders", "{}")
	if r := newest("orders"); !strings.Contains(r.Note, "--rules") {
		t.Errorf("a source without rules: %+v", r)
	}
	put("orders", "")
	if r := newest("orders"); !strings.Contains(r.Note, "tombstone") {
		t.Errorf("a tombstone: %+v", r)
	}
	o.load = func() (*rules.Set, error) {
		return rules.Parse("r.yaml", "sources:\n- topic: orders\n  rules: [{name: r, recipients: event.to, title: T}]\n", rules.Options{Prefix: "acme", Decoder: envelope.NewDecoder(envelope.Config{})})
	}
	put("orders", `{"to":["u","v"]}`)
	if r := newest("orders"); r.Error != "" || len(r.Decoded) != 1 || len(r.Decoded[0].Rules) != 1 || r.Decoded[0].Rules[0].Rule != "r" {
		t.Errorf("a source: %+v", r)
	}
	record, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "j1", Source: "s", Title: belfry.PlainText("x")}})
	if err != nil {
		t.Fatal(err)
	}
	put("acme.journal", string(record))
	if r := newest("acme.journal"); r.Error != "" || len(r.Decoded) != 1 || r.Decoded[0].ID != "j1" || r.Value != nil {
		t.Errorf("the journal: %+v", r)
	}
	put("acme-unread-table", "\xff")
	if r := newest("acme-unread-table"); r.Error == "" {
		t.Errorf("a row that does not decode: %+v", r)
	}
	batch, err := bomb.Batch(kgo.ZstdCompression(), 3, 22<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := bomb.Write(t.Context(), o.config.Brokers, "orders", 1, batch); err != nil {
		t.Fatal(err)
	}
	if r := newest("orders"); !strings.Contains(r.Error, "offsets 0 to 2 are one batch") || r.Size == 0 {
		t.Errorf("a batch of too much: %+v", r)
	}
	if _, err := o.Newest(t.Context(), ops.RecordQuery{Topic: "elsewhere", Partition: -1, Limit: 1}); !errors.Is(err, ops.ErrNoTopic) {
		t.Errorf("a topic of others: %v", err)
	}
	if _, err := o.Newest(t.Context(), ops.RecordQuery{Topic: "gone", Partition: -1, Limit: 1}); !errors.Is(err, ops.ErrNoTopic) {
		t.Errorf("a topic that is gone: %v", err)
	}
	if _, err := o.Newest(t.Context(), ops.RecordQuery{Topic: "orders", Partition: 7, Limit: 1}); !errors.Is(err, belfry.ErrInvalid) {
		t.Errorf("a partition that is not there: %v", err)
	}
}
