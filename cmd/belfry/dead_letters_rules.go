package main

import (
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// replayRules returns the rules of a topic, for replays: those of the file or
// folder, if one was given, and the built-in ones of the built-in topic.
func replayRules(o *rulesOptions, prefix belfry.Prefix) (func(topic string) (replay.Rules, bool), error) {
	var rules *rules.Set
	if o.path != "" {
		var err error
		if rules, err = o.load(prefix); err != nil {
			return nil, err
		}
	}
	return func(topic string) (replay.Rules, bool) {
		if topic == prefix.Notifications() {
			return envelope.Notifications{}, true
		}
		if rules == nil {
			return nil, false
		}
		if source, ok := rules.Source(topic); ok {
			return source, true
		}
		return nil, false
	}, nil
}
