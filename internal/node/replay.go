package node

import (
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// ReplayRules returns the rules of a topic, for replays of dead letters: those
// of set, which may be nil, and the built-in ones of the built-in topic.
func ReplayRules(set *rules.Set, prefix belfry.Prefix) func(topic string) (replay.Rules, bool) {
	return func(topic string) (replay.Rules, bool) {
		if topic == prefix.Notifications() {
			return envelope.Notifications{}, true
		}
		if set == nil {
			return nil, false
		}
		if source, ok := set.Source(topic); ok {
			return source, true
		}
		return nil, false
	}
}
