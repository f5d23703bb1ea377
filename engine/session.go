package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
)

// watchInterval is how often a session looks whether its topics are still the
// same: how long records of a recreated topic could be taken for the old one's.
const watchInterval = time.Second

// A partition that has records to process and completes none for stallAfter is
// started anew; every stallEvery-th watchInterval is when that is looked for.
const (
	stallAfter = time.Minute
	stallEvery = 10
)

// Refusal is a partition that a processor doesn't read, since its log is not
// the one that was processed before.
type Refusal struct {
	Topic     string
	Partition int32
	Reason    string
	Remedy    string // Group.Remedy
}

// String is one line for people.
func (r Refusal) String() string {
	line := fmt.Sprintf("%s/%d: %s", r.Topic, r.Partition, r.Reason)
	if r.Remedy != "" {
		line += ": " + r.Remedy
	}
	return line
}

// session is a consumer group session that commits completed prefixes.
type session struct {
	sarama.ConsumerGroupSession
	infos    map[string]kafka.TopicInfo
	trackers map[kafka.TopicPartition]*tracker // none is modified after Setup
	refused  map[kafka.TopicPartition]bool
	silent   map[kafka.TopicPartition]int64 // where the silent records of a claim end
	written  func(timestamp time.Time)      // Group.Written
	reading  context.Context                // ends with the session, or earlier if a topic is another
	stop     context.CancelFunc
	watch    sync.WaitGroup
}

func newSession(s sarama.ConsumerGroupSession, infos map[string]kafka.TopicInfo) *session {
	wrapped := &session{
		ConsumerGroupSession: s, infos: infos,
		trackers: map[kafka.TopicPartition]*tracker{}, refused: map[kafka.TopicPartition]bool{}, silent: map[kafka.TopicPartition]int64{},
	}
	wrapped.reading, wrapped.stop = context.WithCancel(s.Context())
	claims := *claimedIn(s)
	for _, claim := range claims {
		wrapped.trackers[kafka.TopicPartition(claim)] = newTracker(pendingOf(len(claims)))
	}
	return wrapped
}

// MarkOffset marks the completed prefix that ends with the record before
// offset, if there is one.
func (s *session) MarkOffset(topic string, partition int32, offset int64, _ string) {
	t := s.trackers[kafka.TopicPartition{Topic: topic, Partition: partition}]
	if s.written != nil {
		if b := t.batch(offset - 1); b != nil {
			for _, r := range b.records {
				s.written(r.Timestamp)
			}
		}
	}
	if last := t.finish(offset - 1); last != nil {
		m := kafka.CommitMark{Epoch: s.infos[topic].ID.Epoch(), Time: last.Timestamp.UnixMilli()}
		// Carried along until it is passed: who reads again after a crash must
		// take the same records for silent.
		if silent := s.silent[kafka.TopicPartition{Topic: topic, Partition: partition}]; silent > last.Offset+1 {
			m.Silent = silent
		}
		s.ConsumerGroupSession.MarkOffset(topic, partition, last.Offset+1, m.String())
	}
}

// guard ends the session when one of its topics was deleted or created again: a
// consumer asks for records by the topic's name, and would take those of the
// new one for the old one's. It also ends a session that stands still although
// there are records to process. A look-up that fails says nothing.
// Of a transient group it ends the session, too, when a topic has grown.
func (s *session) guard(topics *kafka.Topics, names []string, transient bool, log *slog.Logger) {
	defer s.stop()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	stalls := stalls{}
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-s.Context().Done():
			return
		}
		switch name, was, is, err := s.changedTopic(topics, names); {
		case err != nil:
			log.Debug("cannot look up topics", "err", err)
			continue
		case name == "":
		case was.ID == is.ID:
			// sarama would notice it after ten minutes.
			if transient {
				log.Info("topic has grown, session ends", "topic", name, "partitions", is.Partitions)
				return
			}
		case transient && is == kafka.TopicInfo{}:
			log.Info("topic was deleted, session ends", "topic", name)
			return
		default:
			log.Warn("topic is another one now, session ends", "topic", name)
			return
		}
		if n%stallEvery != 0 {
			continue
		}
		if claim, ok := stalls.find(s, topics, time.Now()); ok {
			log.Error("partition stands still, session ends", "topic", claim.Topic, "partition", claim.Partition)
			return
		}
	}
}

// changedTopic returns the name of a topic that is not as it was when the
// session began, or "", and what it was and is.
func (s *session) changedTopic(topics *kafka.Topics, names []string) (name string, was, is kafka.TopicInfo, err error) {
	infos, err := topics.Lookup(s.Context(), names)
	if err != nil {
		return "", was, is, err
	}
	for _, name := range names {
		if was, is = s.infos[name], infos[name]; is != was {
			return name, was, is, nil
		}
	}
	return "", was, is, nil
}
