package upkeep_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/views"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 3
	patience   = kafkatest.Patience
)

// tables gives a broker with our topics.
func tables(t testing.TB) kafka.Config {
	t.Helper()
	cfg := kafka.Config{Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if _, err := topics.Ensure(t.Context(), prefix.Topics(partitions), 0); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// put writes a value where its key belongs; nil is a tombstone.
func put(t testing.TB, cfg kafka.Config, topic, key string, value []byte) {
	t.Helper()
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer(cfg.Brokers, c)
	if err != nil {
		t.Fatalf("connect producer: %v", err)
	}
	defer p.Close()
	m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Partition: kafka.Partition(key, partitions)}
	if value != nil {
		m.Value = sarama.ByteEncoder(value)
	}
	if _, _, err := p.SendMessage(m); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

func content(t *testing.T, title string) []byte {
	t.Helper()
	b, err := codec.EncodeItem(&inbox.Item{Notification: belfry.Notification{Title: belfry.PlainText(title)}, Seq: 7})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func run(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = f(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func awaitVersion(t testing.TB, u *views.Unread, recipient string, want uint64) {
	t.Helper()
	var got inbox.State
	var err error
	kafkatest.Eventually(t, patience, func() string {
		return fmt.Sprintf("%s has version %d (%v), want %d", recipient, got.Version, err, want)
	}, func() bool {
		got, err = u.Row(recipient)
		return err == nil && got.Version == want
	})
}
