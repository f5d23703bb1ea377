package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
)

// A note is a text that the brokers keep for all processes of an installation,
// where a topic of its own would be too much: the metadata of a commit that a
// group without members has made for partition 0 of a topic. Brokers forget
// it with that topic, and offsets.retention.minutes (7 days) after it was written
// last (KIP-211), so who cares for it writes it again from time to time.

// maxNote is below what brokers take by default (offset.metadata.max.bytes).
const maxNote = 4000

// Note returns the note of a group, false if there is none.
func (t *Topics) Note(group, topic string) (string, bool, error) {
	response, err := t.Admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	if errors.Is(err, sarama.ErrGroupIDNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read note %s: %w", group, err)
	}
	block := response.GetBlock(topic, 0)
	switch {
	case block == nil:
		return "", false, fmt.Errorf("read note %s: %w", group, sarama.ErrIncompleteResponse)
	case block.Err != sarama.ErrNoError:
		return "", false, fmt.Errorf("read note %s: %w", group, block.Err)
	}
	return block.Metadata, block.Offset >= 0 && block.Metadata != "", nil
}

// SetNote writes a note, or writes it again; it may not be empty, and is cut at
// 4,000 bytes. The offset that goes with it is the end of the partition: tools
// that compute lag of every group they find see none.
func (t *Topics) SetNote(group, topic, text string) error {
	end, err := t.Client.GetOffset(topic, 0, sarama.OffsetNewest)
	if err != nil {
		return fmt.Errorf("find the end of %s/0: %w", topic, err)
	}
	request := &sarama.OffsetCommitRequest{Version: 7, ConsumerGroup: group, ConsumerGroupGeneration: -1}
	request.AddBlockWithLeaderEpoch(topic, 0, end, -1, 0, strings.ToValidUTF8(text[:min(len(text), maxNote)], ""))
	if err := CommitOffsets(t, request); err != nil {
		return fmt.Errorf("write note %s: %w", group, err)
	}
	return nil
}

// commit sends one request and returns the first refusal.
func CommitOffsets(t *Topics, request *sarama.OffsetCommitRequest) error {
	coordinator, err := t.Client.Coordinator(request.ConsumerGroup)
	if err != nil {
		return fmt.Errorf("find the coordinator of %s: %w", request.ConsumerGroup, err)
	}
	response, err := coordinator.CommitOffset(request)
	if err != nil {
		_ = coordinator.Close() // it may be closed already
		return fmt.Errorf("commit offsets of group %s: %w", request.ConsumerGroup, err)
	}
	for topic, partitions := range response.Errors {
		for p, err := range partitions {
			if err != sarama.ErrNoError {
				// It may have moved.
				_ = t.Client.RefreshCoordinator(request.ConsumerGroup)
				return fmt.Errorf("commit offset of group %s in %s/%d: %w", request.ConsumerGroup, topic, p, err)
			}
		}
	}
	return nil
}
