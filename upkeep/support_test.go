package upkeep_test

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/views"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 3
	patience   = await.Patience
)

// tables gives a broker with our topics.
func tables(t testing.TB) kafka.Config {
	t.Helper()
	return kafkatest.Installation(t, prefix, partitions)
}

// put writes a value where its key belongs; nil is a tombstone.
func put(t testing.TB, cfg kafka.Config, topic, key string, value []byte) {
	t.Helper()
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Partition: kafka.Partition(key, partitions)}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	kafkatest.Produce(t, cfg.Brokers, m)
}

func content(t *testing.T, title string) []byte {
	t.Helper()
	b, err := codec.EncodeItem(&inbox.Item{Notification: belfry.Notification{Title: belfry.PlainText(title)}, Seq: 7})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func awaitVersion(t testing.TB, u *views.Unread, recipient string, want uint64) {
	t.Helper()
	var got inbox.State
	var err error
	await.Eventually(t, patience, func() string {
		return fmt.Sprintf("%s has version %d (%v), want %d", recipient, got.Version, err, want)
	}, func() bool {
		got, err = u.Row(recipient)
		return err == nil && got.Version == want
	})
}
