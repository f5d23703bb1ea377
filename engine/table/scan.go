package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
)

// scanPatience is how long the brokers may not answer before a scan fails.
const scanPatience = 30 * time.Second

// Scan reads one partition of a topic from its oldest record to the last stable
// offset that it has when Scan begins, and calls visit for each record in order. A record
// belongs to visit until it returns. Scan stops at the first error of visit and
// returns it. It joins no group and leaves nothing behind. It does not wait
// for records that compaction or retention removes meanwhile, up to the last one.
func Scan(ctx context.Context, cfg kafka.Config, topic string, partition int32, visit func(*sarama.ConsumerMessage) error) error {
	return ScanFrom(ctx, cfg, topic, partition, sarama.OffsetOldest, sarama.OffsetNewest, visit)
}

// ScanRange is [Scan] of the records from one offset up to, but without, another.
// Offsets outside the partition are not there.
func ScanRange(ctx context.Context, cfg kafka.Config, topic string, partition int32, from, end int64, visit func(*sarama.ConsumerMessage) error) error {
	return ScanFrom(ctx, cfg, topic, partition, max(from, 0), max(end, 0), visit)
}

// ScanFrom is Scan from one offset up to, but without, another; both may be
// sarama's names for the ends of the log, and from may lie before it. A batch that is
// not decompressed ends it with an [inflate.BatchError].
func ScanFrom(ctx context.Context, cfg kafka.Config, topic string, partition int32, from, end int64, visit func(*sarama.ConsumerMessage) error) error {
	return scan(ctx, cfg, topic, partition, from, end, func(m *sarama.ConsumerMessage) error {
		if refused := inflate.Refused(m); refused != nil {
			return fmt.Errorf("read %s/%d: %w", topic, partition, refused)
		}
		return visit(m)
	})
}

// scan is ScanFrom that visits what stands for a batch as well.
func scan(ctx context.Context, cfg kafka.Config, topic string, partition int32, from, end int64, visit func(*sarama.ConsumerMessage) error) error {
	// Records that retention removes before they were read are gone.
	f, err := openFeed(&cfg, topic, "belfry", append(cfg.Inflated(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return err
	}
	defer f.close()
	begin, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	info, err := f.info(begin)
	if err != nil {
		// A client that is interrupted speaks of its connection.
		return cmp.Or(ctx.Err(), err)
	}
	f.id = info.ID
	logs, err := kafka.ListRanges(begin, f.client, topic, partition)
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	log := logs[0]
	if end == sarama.OffsetNewest {
		end = log.Stable
	}
	end = min(end, log.Stable)
	from = max(from, log.Start)
	var p progress
	p.begin(map[int32]*reach{partition: {next: from, target: end, end: log.Stable}}, time.Time{})
	if p.caughtUp() {
		return nil
	}
	f.start(map[int32]int64{partition: from})
	for heard := time.Now(); !p.caughtUp(); {
		fetches := f.poll(ctx, catchUpPoll)
		if err := ctx.Err(); err != nil {
			return err
		}
		var failed error
		fetches.EachPartition(func(t kgo.FetchTopicPartition) {
			if failed == nil {
				failed = visitAll(t, end, &p, visit)
			}
		})
		if failed != nil {
			return failed
		}
		if len(fetches) > 0 {
			heard = time.Now()
			continue
		}
		f.ask(ctx, p.silent(time.Now()), &p)
		if at := f.lastHeard(); at.After(heard) {
			heard = at
		}
		if time.Since(heard) > scanPatience {
			return fmt.Errorf("read %s/%d: brokers do not answer", topic, partition)
		}
	}
	return nil
}

func visitAll(t kgo.FetchTopicPartition, end int64, p *progress, visit func(*sarama.ConsumerMessage) error) error {
	if t.Err != nil && (!kerr.IsRetriable(t.Err) || errors.Is(t.Err, kerr.UnknownTopicID)) {
		return fmt.Errorf("read %s/%d: %w", t.Topic, t.Partition, t.Err)
	}
	for _, r := range t.Records {
		if r.Offset < end && !r.Attrs.IsControl() {
			if err := visit(message(r)); err != nil {
				return err
			}
		}
		p.reach(t.Partition, r.Offset+1, t.LastStableOffset, time.Time{})
	}
	return nil
}

// message is a record in sarama's terms, which those of goka are.
func message(r *kgo.Record) *sarama.ConsumerMessage {
	m := &sarama.ConsumerMessage{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return m
}
