package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
)

// ErrOffset is matched by the error about a record that a partition does not
// have.
var ErrOffset = errors.New("no such record")

// Latest returns the last n records of a topic, of all partitions together, in
// the order of their timestamps, and which incarnation of the topic has them.
// There are fewer if the topic has fewer. It joins no group and leaves nothing
// behind. One record stands for a batch that is not decompressed, see
// [inflate.Refused].
func Latest(ctx context.Context, cfg kafka.Config, topic string, n int) ([]*sarama.ConsumerMessage, kafka.TopicInfo, error) {
	return LatestWithin(ctx, cfg, topic, Bounds{Records: n})
}

// Bounds limit what [LatestWithin] returns and reads. Zero means no limit, but of
// Records.
type Bounds struct {
	Records int
	Bytes   int     // of keys and values, besides the newest record
	Back    int64   // offsets before the end of a partition, beyond Records
	Only    []int32 // partitions; nil: all
}

// LatestWithin is [Latest] within bounds. A partition that the topic does not have
// is an error that matches [ErrOffset].
func LatestWithin(ctx context.Context, cfg kafka.Config, topic string, b Bounds) ([]*sarama.ConsumerMessage, kafka.TopicInfo, error) {
	info, logs, err := kafka.LogRanges(ctx, cfg, topic)
	if err != nil {
		return nil, info, err
	}
	partitions := b.Only
	if partitions == nil {
		partitions = info.All()
	}
	var all []*sarama.ConsumerMessage
	for _, p := range partitions {
		if p < 0 || int(p) >= len(logs) {
			return nil, info, fmt.Errorf("%w: %s has the partitions 0 to %d, not %d", ErrOffset, topic, info.Partitions-1, p)
		}
		some, err := tail(ctx, cfg, topic, p, logs[p], b)
		if err != nil {
			return nil, info, err
		}
		// No more than twice what is asked for is held at a time.
		all = b.trim(newest(append(all, some...), b.Records))
	}
	return all, info, nil
}

// trim leaves out the first ones that are too much.
func (b Bounds) trim(records []*sarama.ConsumerMessage) []*sarama.ConsumerMessage {
	if b.Bytes <= 0 {
		return records
	}
	held := 0
	for i := len(records) - 1; i >= 0; i-- {
		held += len(records[i].Key) + len(records[i].Value)
		if held > b.Bytes && i < len(records)-1 {
			return slices.Clone(records[i+1:])
		}
	}
	return records
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
func tail(ctx context.Context, cfg kafka.Config, topic string, partition int32, log kafka.LogRange, b Bounds) ([]*sarama.ConsumerMessage, error) {
	n := b.Records
	for back := int64(n); ; back *= 8 {
		from := max(log.Start, log.Stable-back)
		var out []*sarama.ConsumerMessage
		held := 0
		err := scan(ctx, cfg, topic, partition, from, log.Stable, func(m *sarama.ConsumerMessage) error {
			held += len(m.Key) + len(m.Value)
			out = append(out, m)
			if len(out) > 2*n || b.Bytes > 0 && held > 2*b.Bytes {
				out = b.trim(slices.Clone(out[max(0, len(out)-n):]))
				held = 0
				for _, m := range out {
					held += len(m.Key) + len(m.Value)
				}
			}
			return nil
		})
		if err != nil || len(out) >= n || from == log.Start || b.Back > 0 && back >= b.Back || b.Bytes > 0 && held >= b.Bytes {
			return out[max(0, len(out)-n):], err
		}
	}
}

// RecordAt returns one record, and which incarnation of the topic has it. An
// error about a partition or offset that does not exist matches [ErrOffset].
func RecordAt(ctx context.Context, cfg kafka.Config, topic string, partition int32, offset int64) (*sarama.ConsumerMessage, kafka.TopicInfo, error) {
	info, logs, err := kafka.LogRanges(ctx, cfg, topic)
	if err != nil {
		return nil, info, err
	}
	if partition < 0 || int(partition) >= len(logs) {
		return nil, info, fmt.Errorf("%w: %s has the partitions 0 to %d, not %d", ErrOffset, topic, info.Partitions-1, partition)
	}
	log := logs[partition]
	switch {
	case log.Start == log.End:
		return nil, info, fmt.Errorf("%w: %s/%d is empty", ErrOffset, topic, partition)
	case offset < log.Start || offset >= log.End:
		return nil, info, fmt.Errorf("%w: %s/%d has the offsets %d to %d, not %d", ErrOffset, topic, partition, log.Start, log.End-1, offset)
	case offset >= log.Stable:
		return nil, info, fmt.Errorf("%w: offset %d of %s/%d is held back by a transaction that is open at %d", ErrOffset, offset, topic, partition, log.Stable)
	}
	var found *sarama.ConsumerMessage
	enough := errors.New("the record or what comes behind it was read")
	err = scan(ctx, cfg, topic, partition, offset, log.Stable, func(m *sarama.ConsumerMessage) error {
		switch refused := inflate.Refused(m); {
		case refused != nil && refused.First <= offset:
			return fmt.Errorf("%w: in %s/%d, %w", ErrOffset, topic, partition, refused)
		case m.Offset == offset:
			found = m
		}
		return enough
	})
	if errors.Is(err, enough) {
		err = nil
	}
	if err == nil && found == nil {
		err = fmt.Errorf("%w: %s/%d has none at offset %d, which was compacted away, was rolled back or marks a transaction", ErrOffset, topic, partition, offset)
	}
	return found, info, err
}
