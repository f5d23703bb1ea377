package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
)

// Positions asks the brokers where group stands in the claimed partitions.
func (t *Topics) Positions(group string, claims map[string][]int32, infos map[string]TopicInfo) (map[TopicPartition]*StartPosition, error) {
	out := map[TopicPartition]*StartPosition{}
	if len(claims) == 0 {
		return out, nil // asked for none, brokers tell of all
	}
	commits, err := t.Admin.ListConsumerGroupOffsets(group, claims)
	if err != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", group, err)
	}
	for topic, partitions := range claims {
		for _, p := range partitions {
			block := commits.GetBlock(topic, p)
			if block == nil {
				return nil, fmt.Errorf("read offset of group %s in %s/%d: %w", group, topic, p, sarama.ErrIncompleteResponse)
			}
			if block.Err != sarama.ErrNoError {
				return nil, fmt.Errorf("read offset of group %s in %s/%d: %w", group, topic, p, block.Err)
			}
			out[TopicPartition{topic, p}] = &StartPosition{
				Committed: block.Offset, Mark: ParseCommitMark(block.Metadata), Epoch: infos[topic].ID.Epoch(), last: -1,
			}
		}
	}
	return out, t.bounds(out)
}

// bounds fills in what the logs hold now.
func (t *Topics) bounds(positions map[TopicPartition]*StartPosition) error {
	for claim, p := range positions {
		if p.Committed < 0 {
			continue
		}
		var err error
		if p.Oldest, err = t.Client.GetOffset(claim.Topic, claim.Partition, sarama.OffsetOldest); err != nil {
			return fmt.Errorf("find the begin of %s/%d: %w", claim.Topic, claim.Partition, err)
		}
		if p.End, err = t.Client.GetOffset(claim.Topic, claim.Partition, sarama.OffsetNewest); err != nil {
			return fmt.Errorf("find the end of %s/%d: %w", claim.Topic, claim.Partition, err)
		}
		if before := p.Committed - 1; p.Oldest <= before && before < p.End && p.Mark.Epoch == p.Epoch {
			if p.last, err = t.Timestamp(claim.Topic, claim.Partition, before); err != nil {
				return fmt.Errorf("read %s/%d at %d: %w", claim.Topic, claim.Partition, before, err)
			}
		}
	}
	return nil
}

// Timestamp returns that of one record, in milliseconds, or -1 if there is none
// at that offset (it was compacted away, or marks a transaction).
func (t *Topics) Timestamp(topic string, partition int32, offset int64) (int64, error) {
	batches, err := t.fetch(topic, partition, offset)
	for _, b := range batches {
		for _, r := range b.Records {
			switch {
			case b.FirstOffset+r.OffsetDelta != offset:
			case b.LogAppendTime:
				return b.MaxTimestamp.UnixMilli(), nil
			default:
				return b.FirstTimestamp.Add(r.TimestampDelta).UnixMilli(), nil
			}
		}
	}
	return -1, err
}

// HasRecord reports whether the first batch at or after offset holds a record
// that a consumer gets.
func (t *Topics) HasRecord(topic string, partition int32, offset int64) (bool, error) {
	batches, err := t.fetch(topic, partition, offset)
	for _, b := range batches {
		for _, r := range b.Records {
			if b.FirstOffset+r.OffsetDelta >= offset {
				return true, nil
			}
		}
	}
	return false, err
}

// fetch returns the first batch with records at or after offset, without
// waiting for one. Marks of transactions are left out.
func (t *Topics) fetch(topic string, partition int32, offset int64) ([]*sarama.RecordBatch, error) {
	leader, err := t.Client.Leader(topic, partition)
	if err != nil {
		return nil, err
	}
	// 4 is the first version with record batches, and 1 byte means one batch.
	request := &sarama.FetchRequest{Version: 4, MinBytes: 1, MaxBytes: 1}
	request.AddBlock(topic, partition, offset, 1, -1)
	response, err := leader.Fetch(request)
	if err != nil {
		_ = leader.Close() // it may be closed already
		return nil, err
	}
	block := response.GetBlock(topic, partition)
	switch {
	case block == nil:
		return nil, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		return nil, block.Err
	}
	var batches []*sarama.RecordBatch
	for _, set := range block.RecordsSet {
		if b := set.RecordBatch; b != nil && !b.Control {
			batches = append(batches, b)
		}
	}
	return batches, nil
}
