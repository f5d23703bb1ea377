package options

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/responder"
	"github.com/belfry/belfry/webpush"
)

// Requests say which requests over Kafka are answered, and where.
type Requests struct {
	Topic string
	// OwnHosts adds the flag for the push services that browsers may subscribe with, for
	// commands that have no other.
	OwnHosts bool
	replies  []string
	services []string

	// allowed is set by validate; nil: nothing is answered.
	allowed *responder.Replies
	hosts   *webpush.Hosts // set by validate; nil: not asked for
}

// DefaultRequests answers on the topics that have the default names.
func DefaultRequests() (Requests, error) {
	o := Requests{Topic: belfry.DefaultRequestTopic, replies: []string{belfry.DefaultReplyTopic}}
	return o, o.Validate()
}

// AddFlags adds the flags to fs.
func (o *Requests) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Requests")()
	fs.StringVar(&o.Topic, "request-topic", belfry.DefaultRequestTopic, "`topic` with requests to be answered; whoever may write to it may subscribe for any user")
	fs.StringSliceVar(&o.replies, "reply-topics", nil, "`topics` that answers may go to, names or patterns (RE2) of whole names, such as "+belfry.DefaultReplyTopic+"; no requests are answered if absent")
	if o.OwnHosts {
		fs.StringSliceVar(&o.services, "push-hosts", nil, "push `services` that browsers may subscribe with besides the known ones, as belfry server has them")
	}
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Requests) Validate() error {
	o.allowed = nil
	if !responder.IsTopic(o.Topic) {
		return cli.FlagErrorf("request-topic", "%.80q is not a valid name of a topic: a name has 1 to 249 letters, digits, '.', '_' or '-'", o.Topic)
	}
	if o.OwnHosts {
		var err error
		if o.hosts, err = webpush.NewHosts(o.services...); err != nil {
			return cli.FlagErrorf("push-hosts", "%w", err)
		}
	}
	if len(o.replies) == 0 {
		if o.Topic != belfry.DefaultRequestTopic {
			return cli.FlagErrorf("request-topic", "does nothing without --reply-topics, which says where answers may go: no request is answered")
		}
		return nil
	}
	allowed, err := responder.ParseReplies(o.replies)
	if err != nil {
		return cli.FlagErrorf("reply-topics", "%w", cli.Problem(err))
	}
	o.allowed = allowed
	return nil
}

// Config returns which requests are answered and where, without what answers them; nil for
// none.
func (o *Requests) Config(prefix belfry.Prefix) (*responder.Config, error) {
	if err := o.check(prefix); err != nil || o.allowed == nil {
		return nil, err
	}
	return &responder.Config{Topic: o.Topic, Replies: o.allowed, Hosts: o.hosts}, nil
}

// check refuses topics that would have requests or answers meet ours.
func (o *Requests) check(prefix belfry.Prefix) error {
	if o.allowed == nil {
		return nil
	}
	if prefix.Owns(o.Topic) {
		return cli.FlagErrorf("request-topic", "%s is a topic of Belfry's or Kafka's own: name one of the services that ask", o.Topic)
	}
	for _, name := range o.allowed.Names() {
		switch {
		case prefix.Owns(name):
			return cli.FlagErrorf("reply-topics", "%s is a topic of Belfry's or Kafka's own, which no answer goes to", name)
		case name == o.Topic:
			return cli.FlagErrorf("reply-topics", "%s is --request-topic: an answer would be a request", name)
		}
	}
	return nil
}

// Missing are the topics to be made, each with that many partitions, that do not exist: of
// those that do nothing is asked, since they may be others'.
func (o *Requests) Missing(topics *kafka.Topics, partitions int) ([]belfry.TopicSpec, error) {
	if o.allowed == nil {
		return nil, nil
	}
	missing, err := topics.Missing(belfry.ExchangeTopics(o.Topic, o.allowed.Names(), partitions))
	if err != nil {
		return nil, fmt.Errorf("topics of requests: %w", err)
	}
	return missing, nil
}
