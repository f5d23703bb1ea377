package main

import (
	"regexp"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/engine/kafka"
)

// Brokers accept these session time-outs unless they are told otherwise
// (group.min.session.timeout.ms, group.max.session.timeout.ms).
const (
	minSessionTimeout = 6 * time.Second
	maxSessionTimeout = 30 * time.Minute
)

// instanceIDs is what Kafka takes as group.instance.id: the same as a topic's
// name (KIP-345).
var instanceIDs = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// memberOptions say how a process takes part in consumer groups.
type memberOptions struct {
	instanceID     string
	sessionTimeout time.Duration
}

func (o *memberOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.instanceID, "instance-id", "", "`name` of this process in its groups, for life: a restart within --session-timeout moves no partition (static membership; a StatefulSet's pod name)")
	fs.DurationVar(&o.sessionTimeout, "session-timeout", kafka.DefaultSessionTimeout, "how long the groups wait for a process that is silent before others take its partitions")
}

func (o *memberOptions) validate() error {
	if o.instanceID != "" && (!instanceIDs.MatchString(o.instanceID) || o.instanceID == "." || o.instanceID == "..") {
		return flagErrorf("instance-id", "must be 1 to 249 letters, digits, dots, underscores and hyphens, not %.80q", o.instanceID)
	}
	if o.sessionTimeout < minSessionTimeout || o.sessionTimeout > maxSessionTimeout {
		return flagErrorf("session-timeout", "must be %s to %s, is %s", minSessionTimeout, maxSessionTimeout, o.sessionTimeout)
	}
	return nil
}

func (o *memberOptions) apply(cfg *kafka.Config) {
	cfg.InstanceID, cfg.SessionTimeout = o.instanceID, o.sessionTimeout
}
