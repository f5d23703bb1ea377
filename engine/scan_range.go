package engine

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// Extent is what a partition held when it was asked: Oldest is the offset of its
// first record that is still there, End that of the next one to be written.
type Extent struct{ Oldest, End int64 }

// Extent asks the brokers what a partition holds now.
func (t *Topics) Extent(topic string, partition int32) (e Extent, err error) {
	if e.Oldest, err = t.client.GetOffset(topic, partition, sarama.OffsetOldest); err != nil {
		return e, fmt.Errorf("find the begin of %s/%d: %w", topic, partition, err)
	}
	if e.End, err = t.client.GetOffset(topic, partition, sarama.OffsetNewest); err != nil {
		return e, fmt.Errorf("find the end of %s/%d: %w", topic, partition, err)
	}
	return e, nil
}

// ScanExtent is [Scan] of what a partition held when it was asked: who knows the
// extent beforehand can tell how far the scan has come.
func ScanExtent(ctx context.Context, cfg Config, topic string, partition int32, e Extent, visit func(*sarama.ConsumerMessage) error) error {
	if e.Oldest >= e.End {
		return nil
	}
	return scan(ctx, cfg, topic, partition, e.Oldest, e.End, visit)
}
