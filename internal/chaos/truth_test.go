package chaos

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
	"github.com/belfry/belfry/internal/kafkatest"
)

func encoded[T any](t *testing.T, encode func(T) ([]byte, error), v T) []byte {
	t.Helper()
	b, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTruthIsTheLastOfEachKey(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	cfg := kafka.Config{Brokers: brokers}
	prefix := belfry.Prefix("chaos-1")
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if _, err := topics.Ensure(t.Context(), prefix.Topics(2), 1); err != nil {
		t.Fatal(err)
	}
	infos, err := topics.Info(prefix.Journal())
	if err != nil {
		t.Fatal(err)
	}
	row := func(version uint64) []byte {
		return encoded(t, codec.EncodeState, &inbox.State{Epoch: 1, Version: version})
	}
	item := encoded(t, codec.EncodeItem, &inbox.Item{Seq: 3, Notification: belfry.Notification{ID: "a", Title: belfry.Text{"": "x"}}})
	message := func(topic string, partition int32, key string, value []byte, headers ...string) *sarama.ProducerMessage {
		m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Key: sarama.StringEncoder(key)}
		if value != nil {
			m.Value = sarama.ByteEncoder(value)
		}
		for i := 0; i < len(headers); i += 2 {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(headers[i]), Value: []byte(headers[i+1])})
		}
		return m
	}
	kafkatest.Produce(t, brokers,
		message(prefix.Journal(), 0, "a", encoded(t, codec.EncodeRecord, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1}})),
		message(prefix.Journal(), 0, "b", []byte{0x0a, 100}),
		message(prefix.Journal(), 1, "c", encoded(t, codec.EncodeRecord, inbox.Record{Kind: inbox.KindErase})),
		message(prefix.UnreadTable(), 0, "a", row(5)), message(prefix.UnreadTable(), 0, "a", row(4)),
		message(prefix.UnreadTable(), 1, "c", row(1)), message(prefix.UnreadTable(), 1, "c", nil),
		message(prefix.InboxTable(), 0, "a/3", item), message(prefix.InboxTable(), 1, "c/3", item), message(prefix.InboxTable(), 1, "c/3", nil),
		// The sender's own header of that name does not count.
		message(prefix.DeadLetters(), 0, "x", []byte(`{"id":"s1-poison-1","recipient`), deadletter.HeaderTopic, "other",
			deadletter.HeaderReason, "invalid", deadletter.HeaderTopic, "chaos-1.notifications", deadletter.HeaderPartition, "1", deadletter.HeaderOffset, "77",
			deadletter.HeaderTimestamp, "2026-01-31T09:00:00Z", deadletter.HeaderDeadAt, "2026-01-31T09:00:01Z"),
		message(prefix.DeadLetters(), 0, "", nil, deadletter.HeaderReplayed, "0"),
	)
	s := &scanner{kafka: cfg, prefix: prefix, partitions: 2}
	got, err := s.truth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Epoch != infos[prefix.Journal()].ID.Epoch() {
		t.Errorf("epoch %d", got.Epoch)
	}
	if len(got.Journal) != 3 || got.Journal[0].Record.Kind != inbox.KindRead || !got.Journal[1].Unreadable || got.Journal[1].Offset != 1 || got.Journal[2].Partition != 1 {
		t.Errorf("journal %+v", got.Journal)
	}
	if len(got.Rows) != 1 || got.Rows["a"].Version != 4 {
		t.Errorf("rows %+v, want the last that was written, however old", got.Rows)
	}
	if len(got.Items) != 1 || got.Items["a/3"].ID != "a" {
		t.Errorf("items %+v", got.Items)
	}
	want := history.Dead{Reason: deadletter.ReasonInvalid, Topic: "chaos-1.notifications", Partition: 1, Offset: 77, ID: "s1-poison-1"}
	if len(got.Dead) != 1 || got.Dead[0] != want {
		t.Errorf("dead letters %+v, want %+v", got.Dead, want)
	}
	kafkatest.Produce(t, brokers, message(prefix.DeadLetters(), 1, "x", []byte("x")))
	if _, err := s.truth(t.Context()); err == nil || !strings.Contains(err.Error(), "dead letter at offset 0") {
		t.Errorf("a dead letter without headers: %v", err)
	}
}
