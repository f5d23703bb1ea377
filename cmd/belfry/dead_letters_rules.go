package main

import (
	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources"
)

// replayRules say by which rules letters of source topics are replayed.
type replayRules struct{ path string }

func (r *replayRules) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&r.path, "rules", "", "rules for the letters of source topics, a `file` or folder; none are needed for the built-in topic")
}

// load returns the rules of a topic, the built-in one's among them.
func (r *replayRules) load(prefix belfry.Prefix) (func(topic string) (processors.Rules, bool), error) {
	return func(topic string) (processors.Rules, bool) {
		if topic == prefix.Notifications() {
			return sources.Notifications{}, true
		}
		return nil, false
	}, nil
}
