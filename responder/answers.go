package responder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/recent"
)

// address finds out whether and where a request is to be answered, by what it says and
// what is allowed. The error is a [*belfry.FieldError]: nothing is done, and nobody can be
// told.
func (r *Responder) address(a *asked) error {
	if a.answer {
		return belfry.Invalid(HeaderAnswer, "is in answers of Belfry's alone: one has come back as a request")
	}
	if !a.asked {
		a.topic = belfry.DefaultReplyTopic
		// A sender that names no topic and gives nothing to know an answer by wants none.
		a.reply = a.correlation != nil && r.Replies.Allow(a.topic)
		if !a.reply {
			return nil
		}
	}
	a.reply = true
	switch {
	case !IsTopic(a.topic):
		return belfry.Invalid(HeaderReplyTopic, "is not a valid name of a topic: %.80q", a.topic)
	case r.Prefix.Owns(a.topic):
		return belfry.Invalid(HeaderReplyTopic, "%s is a topic of Belfry's or Kafka's own, which no answer goes to", a.topic)
	case a.topic == r.Topic:
		return belfry.Invalid(HeaderReplyTopic, "%s is the topic of requests: an answer would be a request", a.topic)
	case !r.Replies.Allow(a.topic):
		return belfry.Invalid(HeaderReplyTopic, "%s is none of --reply-topics", a.topic)
	}
	return nil
}

// topicPatience is how long it is believed that a reply topic is there, and that it is
// not.
const (
	topicPatience  = 30 * time.Second
	absentPatience = time.Second
	lookPause      = time.Second
	maxKnown       = 1000 // in each of two generations
)

// replyTopics knows how many partitions topics have. It is safe for concurrent use.
type replyTopics struct {
	topics Topics

	mu    *sync.Mutex
	known *recent.Map[string, knownTopic]
}

type knownTopic struct {
	partitions int // 0: there is none
	until      time.Time
}

func newReplyTopics(topics Topics) replyTopics {
	return replyTopics{topics, &sync.Mutex{}, recent.New[string, knownTopic](maxKnown)}
}

// partitions returns how many a topic has, 0 if there is none.
func (k *replyTopics) partitions(ctx context.Context, topic string) (int, error) {
	k.mu.Lock()
	known, ok := k.known.Use(topic)
	k.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.partitions, nil
	}
	infos, err := k.topics.Lookup(ctx, []string{topic})
	if err != nil {
		return 0, fmt.Errorf("look up the reply topic: %w", err)
	}
	known = knownTopic{infos[topic].Partitions, time.Now().Add(topicPatience)}
	if known.partitions == 0 {
		known.until = time.Now().Add(absentPatience)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known.Put(topic, known)
	return known.partitions, nil
}

func (k *replyTopics) forget(topic string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known.Take(topic)
}

// findTopic checks that the topic and the partition of an answer are there. It waits for
// brokers that do not answer. The error is a [*belfry.FieldError], or that of ctx.
func (r *Responder) findTopic(ctx context.Context, a *asked) error {
	for {
		n, err := r.known.partitions(ctx, a.topic)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			return belfry.Invalid(HeaderReplyTopic, "%s may not be looked up: allow Belfry to describe and to write it", a.topic)
		case err == nil && n == 0:
			return belfry.Invalid(HeaderReplyTopic, "%s does not exist: create it, for Belfry creates none", a.topic)
		case err == nil && int(a.partition) >= n:
			return belfry.Invalid(HeaderReplyPartition, "%d is none of the %d partitions of %s", a.partition, n, a.topic)
		case err == nil:
			a.waits(nil)
			return nil
		}
		a.waits(err)
		if !engine.Sleep(ctx, lookPause) {
			return ctx.Err()
		}
	}
}

// anyPartition stands for no partition in particular.
const anyPartition = -1

// ByRequest has an answer go to the partition that its request asks for, or to that of its
// key, or without one to any.
func ByRequest() kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int {
			switch {
			case r.Partition != anyPartition:
				return int(r.Partition)
			case r.Key == nil:
				return rand.IntN(n)
			}
			return int(kafka.Partition(string(r.Key), n))
		}
	})
}

// AnswerPatience is how long an answer may wait for its topic, of which no broker may have
// the partition any more. Whoever asked has given up long before, and those behind it wait:
// then the request is a dead letter.
const AnswerPatience = 5 * time.Minute

// send writes an answer and waits until it is acknowledged, or ctx ends. The error is of
// one that no broker takes.
func (r *Responder) send(ctx context.Context, a *asked, said *answer) error {
	value, err := json.Marshal(said)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	record := &kgo.Record{Topic: a.topic, Partition: a.partition, Key: a.raw.Key, Value: value, Headers: []kgo.RecordHeader{{Key: HeaderAnswer, Value: []byte("1")}}}
	if a.correlation != nil {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: HeaderCorrelation, Value: a.correlation})
	}
	acknowledged := make(chan error, 1)
	r.Answers.Produce(record, func(_ *kgo.Record, err error) { acknowledged <- err })
	tell := time.NewTimer(tellWait)
	defer tell.Stop()
	over := time.NewTimer(AnswerPatience)
	defer over.Stop()
	for {
		select {
		case err := <-acknowledged:
			if err == nil {
				return nil
			}
			r.known.forget(a.topic)
			return fmt.Errorf("the request is done, but its answer could not be written to %s: %w", a.topic, err)
		case <-tell.C:
			a.waits(fmt.Errorf("its answer is not acknowledged by %s yet", a.topic))
		case <-over.C:
			r.known.forget(a.topic)
			return fmt.Errorf("the request is done, but its answer was not acknowledged by %s within %s: look whether the topic has brokers", a.topic, AnswerPatience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
