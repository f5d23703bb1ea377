package options

import (
	"regexp"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
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

// Member say how a process takes part in consumer groups.
type Member struct {
	instanceID     string
	sessionTimeout time.Duration
}

// AddFlags adds the flags to fs.
func (o *Member) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Processors")()
	fs.StringVar(&o.instanceID, "instance-id", "", "`name` of this process in its groups, for life: a restart within --session-timeout moves no partition (static membership; a StatefulSet's pod name)")
	fs.DurationVar(&o.sessionTimeout, "session-timeout", kafka.DefaultSessionTimeout, "how long the groups wait for a process that is silent before others take its partitions")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Member) Validate() error {
	if o.instanceID != "" && (!instanceIDs.MatchString(o.instanceID) || o.instanceID == "." || o.instanceID == "..") {
		return cli.FlagErrorf("instance-id", "must be 1 to 249 letters, digits, dots, underscores and hyphens, not %.80q", o.instanceID)
	}
	return cli.InRange("session-timeout", o.sessionTimeout, minSessionTimeout, maxSessionTimeout)
}

// Apply puts the options into cfg.
func (o *Member) Apply(cfg *kafka.Config) {
	cfg.InstanceID, cfg.SessionTimeout = o.instanceID, o.sessionTimeout
}
