package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// scanIdle is how long no record comes from a partition that has been read to
// its end.
const scanIdle = 10 * time.Second

// Scan reads one partition of a topic from its oldest record to the end that it
// has when Scan begins, and calls visit for each record in order. A record
// belongs to visit until it returns. Scan stops at the first error of visit and
// returns it. It joins no group and leaves nothing behind.
func Scan(ctx context.Context, cfg Config, topic string, partition int32, visit func(*sarama.ConsumerMessage) error) error {
	return scan(ctx, cfg, topic, partition, sarama.OffsetOldest, sarama.OffsetNewest, visit)
}

// scan is Scan from one offset up to, but without, another; both may be
// sarama's names for the ends of the log.
func scan(ctx context.Context, cfg Config, topic string, partition int32, from, end int64, visit func(*sarama.ConsumerMessage) error) (err error) {
	sc, err := cfg.sarama()
	if err != nil {
		return err
	}
	// The request for what comes after the end is under way when we leave, and
	// closing waits for its answer.
	sc.Consumer.MaxWaitTime = 50 * time.Millisecond
	client, err := sarama.NewClient(cfg.Brokers, sc)
	if err != nil {
		return fmt.Errorf("connect to kafka: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	oldest, err := client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return fmt.Errorf("find the begin of %s/%d: %w", topic, partition, err)
	}
	if end == sarama.OffsetNewest {
		if end, err = client.GetOffset(topic, partition, sarama.OffsetNewest); err != nil {
			return fmt.Errorf("find the end of %s/%d: %w", topic, partition, err)
		}
	}
	from = max(from, oldest)
	if from >= end {
		return nil
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return fmt.Errorf("read %s/%d: %w", topic, partition, err)
	}
	defer func() { err = errors.Join(err, consumer.Close()) }()
	records, err := consumer.ConsumePartition(topic, partition, from)
	if err != nil {
		return fmt.Errorf("read %s/%d: %w", topic, partition, err)
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	// The last record may have been compacted away: then none comes, though the
	// broker has told where the log ends.
	idle := time.NewTicker(scanIdle)
	defer idle.Stop()
	for {
		select {
		case <-idle.C:
			if records.HighWaterMarkOffset() >= end {
				return nil
			}
		case m, ok := <-records.Messages():
			idle.Reset(scanIdle)
			if !ok {
				return fmt.Errorf("read %s/%d: ended early", topic, partition)
			}
			if m.Offset < end {
				if err := visit(m); err != nil {
					return err
				}
			}
			if m.Offset >= end-1 {
				return nil
			}
		case e := <-records.Errors():
			if e != nil {
				return fmt.Errorf("read %s/%d: %w", topic, partition, e.Err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
