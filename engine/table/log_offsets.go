package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/kafka"
)

// Extent is where one partition begins and ends: the log start offset and the
// high watermark.
type LogRange struct{ Start, End int64 }

// LogRanges returns where the partitions of a topic begin and end, by partition.
func LogRanges(ctx context.Context, cfg kafka.Config, topic string) ([]LogRange, error) {
	var out []LogRange
	err := administer(ctx, &cfg, func(ctx context.Context, c *kadm.Client) error {
		starts, err := listed(topic)(c.ListStartOffsets(ctx, topic))
		if err != nil {
			return err
		}
		ends, err := listed(topic)(c.ListEndOffsets(ctx, topic))
		if err != nil {
			return err
		}
		if len(starts) != len(ends) {
			return fmt.Errorf("list offsets of %s: %d partitions begin and %d end", topic, len(starts), len(ends))
		}
		for p := range starts {
			out = append(out, LogRange{starts[p], max(starts[p], ends[p])})
		}
		return nil
	})
	return out, err
}

// OffsetsAt returns, by partition, an offset before which all records have an
// older timestamp: that of the first which has not, or the end.
func OffsetsAt(ctx context.Context, cfg kafka.Config, topic string, at time.Time) (out []int64, err error) {
	err = administer(ctx, &cfg, func(ctx context.Context, c *kadm.Client) error {
		out, err = listed(topic)(c.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topic))
		return err
	})
	return out, err
}

// DeleteBefore deletes the records of a topic below those offsets, by partition;
// one that lies below the partition's begin deletes nothing.
func DeleteBefore(ctx context.Context, cfg kafka.Config, topic string, offsets []int64) error {
	return administer(ctx, &cfg, func(ctx context.Context, c *kadm.Client) error {
		var until kadm.Offsets
		for p, offset := range offsets {
			until.AddOffset(topic, int32(p), offset, -1)
		}
		deleted, err := c.DeleteRecords(ctx, until)
		if err := errors.Join(err, deleted.Error()); err != nil {
			return fmt.Errorf("delete records of %s: %w", topic, err)
		}
		return nil
	})
}

// administer calls f with a client that is closed after it. Brokers that do not
// answer are given up after scanPatience.
func administer(ctx context.Context, c *kafka.Config, f func(context.Context, *kadm.Client) error) error {
	client, err := kgo.NewClient(append(c.ClientOptions("belfry"), kgo.DisableClientMetrics(), kgo.AlwaysRetryEOF())...)
	if err != nil {
		return fmt.Errorf("kafka settings: %w", err)
	}
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	if err := f(limited, kadm.NewClient(client)); err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	return nil
}

// listed makes a list by partition of an answer.
func listed(topic string) func(kadm.ListedOffsets, error) ([]int64, error) {
	return func(answer kadm.ListedOffsets, err error) ([]int64, error) {
		if err := errors.Join(err, answer.Error()); err != nil {
			return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
		}
		out := make([]int64, len(answer[topic]))
		for p := range out {
			o, ok := answer.Lookup(topic, int32(p))
			if !ok {
				return nil, fmt.Errorf("list offsets of %s: no answer about partition %d", topic, p)
			}
			out[p] = o.Offset
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("%w: %s does not exist: create it with \"belfry topics\"", kafka.ErrTopic, topic)
		}
		return out, nil
	}
}
