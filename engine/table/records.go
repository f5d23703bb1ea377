package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
)

// ErrOffset is matched by the error about a record that a partition does not
// have.
var ErrOffset = errors.New("no such record")

// Latest returns the last n records of a topic, of all partitions together, in
// the order of their timestamps, and which incarnation of the topic has them.
// There are fewer if the topic has fewer. It joins no group and leaves nothing
// behind.
func Latest(ctx context.Context, cfg kafka.Config, topic string, n int) ([]*sarama.ConsumerMessage, kafka.TopicInfo, error) {
	info, bounds, err := logRange(ctx, &cfg, topic)
	if err != nil {
		return nil, info, err
	}
	var all []*sarama.ConsumerMessage
	for p := range int32(info.Partitions) {
		some, err := tail(ctx, cfg, topic, p, bounds[p], n)
		if err != nil {
			return nil, info, err
		}
		// No more than twice what is asked for is held at a time.
		all = newest(append(all, some...), n)
	}
	return all, info, nil
}

// newest returns the last n records by time, in order.
func newest(records []*sarama.ConsumerMessage, n int) []*sarama.ConsumerMessage {
	slices.SortStableFunc(records, func(a, b *sarama.ConsumerMessage) int {
		return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return slices.Clone(records[max(0, len(records)-n):])
}

// tail returns the last n records of a partition. Offsets have gaps where a
// topic is compacted or transactions end, so that it may have to begin earlier.
func tail(ctx context.Context, cfg kafka.Config, topic string, partition int32, b offsets, n int) ([]*sarama.ConsumerMessage, error) {
	for back := int64(n); ; back *= 8 {
		from := max(b.oldest, b.end-back)
		var out []*sarama.ConsumerMessage
		err := ScanFrom(ctx, cfg, topic, partition, from, b.end, func(m *sarama.ConsumerMessage) error {
			if len(out) >= 2*n {
				out = append(out[:0], out[len(out)-n:]...)
			}
			out = append(out, m)
			return nil
		})
		if err != nil || len(out) >= n || from == b.oldest {
			return out[max(0, len(out)-n):], err
		}
	}
}

// RecordAt returns one record, and which incarnation of the topic has it. An
// error about a partition or offset that does not exist matches [ErrOffset].
func RecordAt(ctx context.Context, cfg kafka.Config, topic string, partition int32, offset int64) (*sarama.ConsumerMessage, kafka.TopicInfo, error) {
	info, bounds, err := logRange(ctx, &cfg, topic)
	if err != nil {
		return nil, info, err
	}
	b, ok := bounds[partition]
	switch {
	case !ok:
		return nil, info, fmt.Errorf("%w: %s has the partitions 0 to %d, not %d", ErrOffset, topic, info.Partitions-1, partition)
	case b.oldest == b.end:
		return nil, info, fmt.Errorf("%w: %s/%d is empty", ErrOffset, topic, partition)
	case offset < b.oldest || offset >= b.end:
		return nil, info, fmt.Errorf("%w: %s/%d has the offsets %d to %d, not %d", ErrOffset, topic, partition, b.oldest, b.end-1, offset)
	}
	var found *sarama.ConsumerMessage
	err = ScanFrom(ctx, cfg, topic, partition, offset, offset+1, func(m *sarama.ConsumerMessage) error {
		if m.Offset == offset {
			found = m
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: %s/%d has none at offset %d, which was compacted away or marks a transaction", ErrOffset, topic, partition, offset)
	}
	return found, info, err
}

// logRange finds out what there is of a topic.
func logRange(ctx context.Context, c *kafka.Config, topic string) (kafka.TopicInfo, map[int32]offsets, error) {
	f, err := openFeed(c, topic, "belfry")
	if err != nil {
		return kafka.TopicInfo{}, nil, err
	}
	defer f.close()
	begin, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	info, err := f.info(begin)
	if err != nil {
		return info, nil, cmp.Or(ctx.Err(), err)
	}
	partitions := make([]int32, info.Partitions)
	for p := range partitions {
		partitions[p] = int32(p)
	}
	bounds, err := f.bounds(begin, partitions...)
	return info, bounds, cmp.Or(ctx.Err(), err)
}
