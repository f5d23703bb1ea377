package rules

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules/bill"
)

// Source is one entry of a rules file: the topics it is for, and their rules.
// It is immutable and safe for concurrent use.
type Source struct {
	Topic    string // exact name; empty if it has a pattern
	Pattern  string // RE2 for the whole name; empty if it has a topic
	From     Start  // where reading begins at the first activation
	Silent   bool   // what is older than the activation arrives read, nothing is pushed
	Location *time.Location
	File     string // where it stands, for people
	Line     int

	decoder Decoder
	prefix  belfry.Prefix
	pattern *regexp.Regexp
	lets    []letName
	rules   []*rule
	pool    sync.Pool // of *variables
}

// Matches reports whether the source is for a topic: never one of ours or of
// Kafka's own.
func (s *Source) Matches(topic string) bool {
	switch {
	case s.prefix.Owns(topic):
		return false
	case s.pattern == nil:
		return topic == s.Topic
	}
	return s.pattern.MatchString(topic)
}

// Name is the topic or the pattern.
func (s *Source) Name() string {
	if s.Topic != "" {
		return s.Topic
	}
	return s.Pattern
}

// RuleNames returns the names of the rules in order.
func (s *Source) RuleNames() []string {
	names := make([]string, len(s.rules))
	for i, r := range s.rules {
		names[i] = r.name
	}
	return names
}

// Route returns what the rules make of a record: all of it or, with an error,
// nothing. Nobody's part costs the others theirs: see [sources.Delivery.Refused].
// It depends on the record alone. Errors are those of the decoder and [*Error].
func (s *Source) Route(r sources.Record) ([]sources.Delivery, error) {
	events, err := s.decoder.Decode(context.Background(), r)
	if err != nil {
		return nil, err
	}
	v := s.variables(&r)
	defer s.release(v)
	var out []sources.Delivery
	var refused error
	for i := range events {
		v.about(&events[i])
		for _, rule := range s.rules {
			n, err := rule.begin(v, nil)
			if err != nil {
				return nil, err
			}
			for i := range n {
				v.take(i)
				made, err := rule.apply(v, nil)
				if err != nil {
					return nil, err
				}
				if refused == nil {
					refused = made.Refused
				}
				if made.Delivers() || made.Refused != nil {
					out = append(out, made)
				}
			}
			if err := v.bill.Err(); err != nil {
				return nil, rule.wrong("", err)
			}
		}
	}
	if refused != nil && !slices.ContainsFunc(out, func(d sources.Delivery) bool { return d.Delivers() }) {
		return nil, refused // nobody gets anything
	}
	return out, nil
}

// variables returns ones for a record, to be released.
func (s *Source) variables(r *sources.Record) *variables {
	v, ok := s.pool.Get().(*variables)
	if !ok {
		v = &variables{source: s, lets: make([]letValue, len(s.lets)), bill: bill.New(), shown: bill.New()}
	}
	v.record = r
	v.bill.Reset()
	v.shown.Reset()
	return v
}

func (s *Source) release(v *variables) {
	// A record is not held longer than it is routed.
	v.record, v.event, v.headers, v.key = nil, nil, nil, nil
	v.items, v.item, v.taken = nil, nil, 0
	clear(v.lets)
	s.pool.Put(v)
}
