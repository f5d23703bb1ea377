package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The timestamps that stand for the ends of a log in [ListOffsets]. LogEnd and
// LogStart are those of goka and sarama too.
const (
	LogEnd    = -1 // the high watermark
	LogStart  = -2
	LogStable = math.MinInt64 // the last stable offset
)

// LogRange is where the log of one partition begins and ends. A reader of records
// gets to Stable; what lies from there to End is held back by a transaction that
// is open at Stable, also the records of other producers. To commit, to cut and to
// compare with what was processed before is a matter of End.
type LogRange struct {
	Start  int64 // the log start offset
	Stable int64 // the last stable offset (KIP-98)
	End    int64 // the high watermark
}

// ListOffsets returns, for each of the partitions and in their order, the offset
// of the first record below the last stable offset that is not older than a
// timestamp, in milliseconds, or -1 if there is none. [LogStart], [LogStable] and
// [LogEnd] stand for the ends of the log.
func ListOffsets(ctx context.Context, client *kgo.Client, topic string, timestamp int64, partitions ...int32) ([]int64, error) {
	resp, err := ListOffsetsRequest(map[string][]int32{topic: partitions}, timestamp).RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	found := make(map[int32]int64, len(partitions))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", topic, p.Partition, err)
			}
			found[p.Partition] = p.Offset
		}
	}
	out := make([]int64, len(partitions))
	for i, p := range partitions {
		var ok bool
		if out[i], ok = found[p]; !ok {
			return nil, fmt.Errorf("list offsets of %s: no answer about partition %d", topic, p)
		}
	}
	return out, nil
}

// readCommitted is the isolation level of requests (KIP-98).
const readCommitted = 1

// ListOffsetsRequest asks for the offsets of a timestamp in partitions of topics,
// as [ListOffsets] has it.
func ListOffsetsRequest(topics map[string][]int32, timestamp int64) *kmsg.ListOffsetsRequest {
	r := kmsg.NewPtrListOffsetsRequest()
	if timestamp != LogEnd {
		r.IsolationLevel = readCommitted
	}
	if timestamp == LogStable {
		timestamp = LogEnd
	}
	for name, partitions := range topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = name
		for _, n := range partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = n, timestamp
			t.Partitions = append(t.Partitions, p)
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}

// ListRanges returns where the logs of partitions begin and end, in their order.
// The starts are asked for first: retention that comes in between may move them
// beyond an end that was read before. The ends are asked for before the stable
// offsets: what is written in between must not look as if a transaction held it back.
func ListRanges(ctx context.Context, client *kgo.Client, topic string, partitions ...int32) ([]LogRange, error) {
	starts, err := ListOffsets(ctx, client, topic, LogStart, partitions...)
	if err != nil {
		return nil, err
	}
	ends, err := ListOffsets(ctx, client, topic, LogEnd, partitions...)
	if err != nil {
		return nil, err
	}
	stable, err := ListOffsets(ctx, client, topic, LogStable, partitions...)
	if err != nil {
		return nil, err
	}
	out := make([]LogRange, len(partitions))
	for i := range out {
		out[i] = LogRange{starts[i], max(starts[i], stable[i]), max(starts[i], stable[i], ends[i])}
	}
	return out, nil
}

// logPatience is how long the brokers may not answer before what is asked of a
// log fails.
const logPatience = 30 * time.Second

// LogRanges returns what the brokers say of a topic, and where the logs of its
// partitions begin and end, by partition.
func LogRanges(ctx context.Context, cfg Config, topic string) (info TopicInfo, ranges []LogRange, err error) {
	err = cfg.ask(ctx, func(ctx context.Context, client *kgo.Client) error {
		info, ranges, err = RangesOf(ctx, client, topic)
		return err
	})
	return info, ranges, err
}

// RangesOf is [LogRanges] by a client that is there.
func RangesOf(ctx context.Context, client *kgo.Client, topic string) (TopicInfo, []LogRange, error) {
	info, err := Info(ctx, client, topic)
	if err != nil {
		return info, nil, err
	}
	ranges, err := ListRanges(ctx, client, topic, info.All()...)
	return info, ranges, err
}

// ErrOpenTransaction is matched by the error about a topic in which a transaction
// is open.
var ErrOpenTransaction = errors.New("a transaction is open")

// AllStable returns an error that matches [ErrOpenTransaction] if a transaction is
// open in the topic: nobody can tell whether what it wrote counts, and what lies
// behind it is not read.
func AllStable(ctx context.Context, client *kgo.Client, topic string) error {
	_, logs, err := RangesOf(ctx, client, topic)
	for p, log := range logs {
		if log.Stable < log.End {
			return fmt.Errorf("%w in %s/%d at offset %d: wait until its producer ends it, or have it ended (kafka-transactions.sh find-hanging, abort)", ErrOpenTransaction, topic, p, log.Stable)
		}
	}
	return err
}

// OffsetsAt returns, by partition, an offset before which all records have an
// older timestamp: that of the first which has not, or the last stable
// offset.
func OffsetsAt(ctx context.Context, cfg Config, topic string, at time.Time) (out []int64, err error) {
	err = cfg.ask(ctx, func(ctx context.Context, client *kgo.Client) error {
		info, err := Info(ctx, client, topic)
		if err != nil {
			return err
		}
		if out, err = ListOffsets(ctx, client, topic, at.UnixMilli(), info.All()...); err != nil {
			return err
		}
		ends, err := ListOffsets(ctx, client, topic, LogStable, info.All()...)
		for p, end := range ends {
			if out[p] < 0 {
				out[p] = end
			}
		}
		return err
	})
	return out, err
}

// DeleteBefore deletes the records of a topic below those offsets, by partition;
// an offset below the log start deletes nothing.
func DeleteBefore(ctx context.Context, cfg Config, topic string, offsets []int64) error {
	return cfg.ask(ctx, func(ctx context.Context, client *kgo.Client) error {
		var until kadm.Offsets
		for p, offset := range offsets {
			until.AddOffset(topic, int32(p), offset, -1)
		}
		deleted, err := kadm.NewClient(client).DeleteRecords(ctx, until)
		if err := errors.Join(err, deleted.Error()); err != nil {
			return fmt.Errorf("delete records of %s: %w", topic, err)
		}
		return nil
	})
}

// ask calls f with a client that is closed after it. Brokers that do not answer
// are given up after logPatience.
func (c *Config) ask(ctx context.Context, f func(context.Context, *kgo.Client) error) error {
	client, err := c.NewClient("belfry", append(c.Inflated(), kgo.DisableClientMetrics(), kgo.AlwaysRetryEOF())...)
	if err != nil {
		return err
	}
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	if err := f(limited, client); err != nil {
		// A client that is interrupted speaks of its connection.
		return cmp.Or(ctx.Err(), c.Advised(err))
	}
	return nil
}
