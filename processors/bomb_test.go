package processors_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bomb"
	"github.com/belfry/belfry/internal/kafkatest"
)

func TestBatchesThatDecompressToTooMuchAreLetters(t *testing.T) {
	t.Parallel()
	checkBombs(t, config(t))
}

func TestBatchesThatDecompressToTooMuchAreLettersOnKafka(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Brokers = kafkatest.Start(t, kafkatest.Config{}).Brokers()
	checkBombs(t, cfg)
}

// checkBombs has batches of much routed, each before a good record of its partition.
func checkBombs(t *testing.T, cfg kafka.Config) {
	makeTopics(t, cfg)
	bombs := []struct {
		codec         kgo.CompressionCodec
		records, size int
		says          string // of the letter; empty: there is none
	}{
		{kgo.ZstdCompression(), 10, 5 << 19, "that decompresses to more than 4 MiB, and to more than 64 times its size"},
		{kgo.GzipCompression(), 1, 65 << 20, "that decompresses to more than 4 MiB, and to more than 64 times its size"},
		{kgo.Lz4Compression(), 3, 24 << 20, "that decompresses to more than 16 MiB"},
		{kgo.ZstdCompression(), 600_000, 0, "holds 600000 records"},
	}
	small, err := bomb.Batch(kgo.ZstdCompression(), 2_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := func(n int) {
		produce(t, cfg, event(`{"recipient":"behind","title":"`+strconv.Itoa(n)+`"}`))
	}
	for i, b := range bombs {
		batch, err := bomb.Batch(b.codec, b.records, b.size)
		if err != nil {
			t.Fatal(err)
		}
		if err := bomb.Write(t.Context(), cfg.Brokers, prefix.Notifications(), 0, batch); err != nil {
			t.Fatal(err)
		}
		good(i)
	}
	p := start(t, cfg)
	p.awaitCount(t, "behind", len(bombs))
	// Many records in few bytes are no bomb, though they are no notifications.
	if err := bomb.Write(t.Context(), cfg.Brokers, prefix.Notifications(), 0, small); err != nil {
		t.Fatal(err)
	}
	good(len(bombs))
	p.awaitCount(t, "behind", len(bombs)+1)
	letters := consume(t, cfg, prefix.DeadLetters(), len(bombs)+2_000)
	for i, b := range bombs {
		headers := map[string]string{}
		for _, h := range letters[i].Headers {
			headers[string(h.Key)] = string(h.Value)
		}
		if got := headers[deadletter.HeaderError]; !strings.Contains(got, b.says) || !strings.Contains(got, strconv.Itoa(b.records)+" records") {
			t.Errorf("letter %d says %q, want %q", i, got, b.says)
		}
		if headers[deadletter.HeaderReason] != string(deadletter.ReasonTooLarge) || headers[deadletter.HeaderTruncated] == "" {
			t.Errorf("letter %d is %v", i, headers)
		}
		if len(letters[i].Value) != 0 {
			t.Errorf("letter %d has a value of %d bytes", i, len(letters[i].Value))
		}
	}
}
