package renew

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
)

// clockSlack is how much earlier than what was processed before it a record may
// have been stamped by its producer: Kafka's clients repeat a write for two
// minutes (delivery.timeout.ms), and it keeps its timestamp.
const clockSlack = 2 * time.Minute

// part is what is to be copied of one partition.
type part struct {
	partition int32
	next      int64 // the first record that was not looked at yet
	// after, if not negative, says that what is left of the processed log comes
	// first: up to the first record with a later timestamp, in milliseconds.
	after int64
}

// processed tells whether the group has processed a record of p. It must be
// asked in the order of the log.
func (p *part) processed(m *sarama.ConsumerMessage) bool {
	if p.after >= 0 && m.Timestamp.UnixMilli() <= p.after {
		return true
	}
	p.after = -1
	return false
}

// plan finds where in each partition begins what the group has not processed.
// Of a log that was cut short all that is left was processed; what came after
// that was not, and is later than the mark of the commit.
func (n *renewal) plan(ctx context.Context, present kafka.TopicInfo) ([]*part, error) {
	positions, err := n.Positions(ctx, n.Group, map[string][]int32{n.topic: present.All()}, map[string]kafka.TopicInfo{n.topic: present})
	if err != nil {
		return nil, err
	}
	slack := clockSlack
	if n.Spec.Config["message.timestamp.type"] == "LogAppendTime" {
		slack = 0 // one clock, in the order of the log
	}
	parts := make([]*part, 0, present.Partitions)
	for _, partition := range present.All() {
		at := positions[kafka.TopicPartition{Topic: n.topic, Partition: partition}]
		p := &part{partition: partition, next: at.Log.Start, after: -1}
		what, why := at.Judge()
		switch {
		case what == kafka.Refused && at.Mark.Epoch != 0:
			p.after = max(at.Mark.Time-slack.Milliseconds(), 0)
			n.report("%s/%d: %s: copying what came after %s", n.topic, partition, why, time.UnixMilli(p.after).UTC().Format(time.RFC3339Nano))
		case what == kafka.Refused:
			n.report("%s/%d: %s: copying all, since nothing tells when that was", n.topic, partition, why)
		case what == kafka.Rewind:
			n.report("%s/%d: %s: copying all", n.topic, partition, why)
		case at.Committed < 0:
			n.report("%s/%d: nothing was processed: copying all", n.topic, partition)
		default:
			p.next = max(at.Committed, at.Log.Start)
			n.report("%s/%d: copying from offset %d to %d", n.topic, partition, p.next, at.Log.End)
		}
		parts = append(parts, p)
	}
	return parts, nil
}
