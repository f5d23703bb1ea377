package node

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/responder"
	"github.com/belfry/belfry/server"
)

// answering is the group that answers requests.
type answering struct {
	processor *engine.Processor
	settled   atomic.Bool
}

// openResponder makes the group that answers requests, if there is to be one; nothing
// runs yet. It must come after the views are made. The caller calls what it returns in
// the end.
func (n *node) openResponder() (func() error, error) {
	if n.Requests == nil {
		return func() error { return nil }, nil
	}
	hosts := n.Requests.Hosts // nil: those that the server takes
	if hosts == nil {
		hosts = n.Push.Hosts
	}
	topics, err := kafka.OpenTopics(n.Kafka)
	if err != nil {
		return nil, fmt.Errorf("open the responder: %w", err)
	}
	answers, err := newAnswers(&n.Kafka)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the responder: %w", err), topics.Close())
	}
	group := n.Prefix.RequestsGroup()
	r := responder.New(responder.Config{
		Prefix: n.Prefix, Topic: n.Requests.Topic, Replies: n.Requests.Replies, Features: n.Features, Policy: n.policyNow, Hosts: hosts,
		Rows: n.unread, Contents: n.inbox, Journal: n.journal, Past: &responder.Journals{Config: n.Kafka, Prefix: n.Prefix, Topics: topics},
		Topics: topics, Answers: answers, DeadLetters: n.deadLetters, Registry: n.registry, Log: n.Log,
		Processed: n.counts.Processed(group), Dead: func(reason deadletter.Reason) { n.counts.Dead(group, reason) },
	})
	n.responder = &answering{processor: engine.NewProcessor(n.Kafka, r.Group())}
	return func() error { return errors.Join(answers.Stop(), topics.Close()) }, nil
}

// newAnswers opens what writes answers, which are not compressed: whoever asks may have a
// client that knows no lz4. An answer that nobody waits for any more makes room for others.
func newAnswers(cfg *kafka.Config) (*kafka.Producer, error) {
	return cfg.NewProducer("belfry-answers", false, append(kafka.Uncompressed(),
		kgo.RecordPartitioner(responder.ByRequest()), kgo.RecordDeliveryTimeout(responder.AnswerPatience))...)
}

// condition tells of the group. Once it has run, failed or found its topic missing, it
// does not make the process unready any more, as the routers of the rules do not: the
// topic is others' to create, delete and protect.
func (a *answering) condition() server.Condition {
	s := a.processor.Status()
	switch s.Phase {
	case engine.Starting, engine.Recovering:
	default:
		a.settled.Store(true)
	}
	return newCondition(s, a.settled.Load(), processorDetail(s))
}
