package kafka_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bomb"
	"github.com/belfry/belfry/internal/enginetest"
)

// TestLooksAreWithinBounds holds that whoever looks at a single batch has it decompressed
// within the bounds of those who process it: lag looks at one of each partition, and
// ended a process of 1 GiB with twelve that became 55 MB.
func TestLooksAreWithinBounds(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "orders")
	batch, err := bomb.Batch(kgo.ZstdCompression(), 55, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := bomb.Write(t.Context(), cfg.Brokers, "orders", 0, batch); err != nil {
		t.Fatal(err)
	}
	topics := enginetest.OpenTopicsOn(t, cfg)
	infos, err := topics.Info("orders")
	if err != nil {
		t.Fatal(err)
	}
	found, err := kafka.BatchAt(t.Context(), topics.Client, 0, "orders", infos["orders"].ID, 0, 0)
	if err != nil || len(found.Records) != 1 || found.Records[0].Offset != 54 || found.Next != 55 {
		t.Errorf("got %d records, next %d, %v: want the one that stands for the batch", len(found.Records), found.Next, err)
	}
	if end, err := topics.RecordsEnd(t.Context(), "orders", 0, 0, 55); err != nil || end != 55 {
		t.Errorf("records end at %d, %v, want 55", end, err)
	}
}
