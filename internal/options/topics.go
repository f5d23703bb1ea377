package options

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/cli"
)

const (
	// autoReplication stands for 3, or 1 on a cluster of one broker.
	autoReplication = 0

	// MaxPartitions is far above what one cluster bears for six topics; more
	// is a slip.
	MaxPartitions = 10_000
)

// Topics say what the topics are like that are made or verified.
type Topics struct {
	Partitions  int
	Replication int
}

// AddFlags adds the flags to fs.
func (o *Topics) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Topics")()
	fs.IntVar(&o.Partitions, "partitions", belfry.DefaultPartitions, "partitions of each topic; can't be changed later without losing the order")
	fs.IntVar(&o.Replication, "replication", autoReplication, "replicas of each partition; 0 is 3, or 1 on a one-broker cluster")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Topics) Validate() error {
	return cmp.Or(cli.InRange("partitions", o.Partitions, 1, MaxPartitions), cli.InRange("replication", o.Replication, 0, math.MaxInt16))
}

// Ensure creates the topics that are missing, those of requests among them, and verifies
// the others of ours; it returns what it changed, also with an error.
func (o *Topics) Ensure(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, asked *Requests) ([]kafka.Change, error) {
	if err := asked.check(prefix); err != nil {
		return nil, err
	}
	topics, err := OpenTopics(cfg)
	if err != nil {
		return nil, err
	}
	defer topics.Close()
	changes, err := topics.Ensure(ctx, prefix.Topics(o.Partitions), o.Replication)
	if err != nil {
		return changes, fmt.Errorf("topics of prefix %s: %w", prefix, err)
	}
	missing, err := asked.Missing(topics, o.Partitions)
	if err != nil || len(missing) == 0 {
		return changes, err
	}
	more, err := topics.Ensure(ctx, missing, o.Replication)
	if err != nil {
		err = fmt.Errorf("topics of requests: %w", err)
	}
	return append(changes, more...), err
}

// Fold are inputs of the fold: every processor of an installation needs
// the same.
type Fold struct {
	InboxCap     int
	BroadcastCap int
	Features     inbox.Features

	features string
}

// AddFlags adds the flags to fs.
func (o *Fold) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Processors")()
	fs.IntVar(&o.InboxCap, "inbox-cap", inbox.DefaultCap, "items a user keeps, the oldest go; the same for all processors")
	fs.IntVar(&o.BroadcastCap, "broadcast-cap", board.DefaultLimit, "notices to many that are live at once in a partition, the oldest go; the same for all processors")
	fs.StringVar(&o.features, "features", inbox.DefaultFeatures.String(), "capabilities with an open door, by `names` with commas: in an upgrade run all with those of the former release first (none if it had none), since it refuses the rows that others write")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Fold) Validate() error {
	var err error
	if o.Features, err = inbox.ParseFeatures(o.features); err != nil {
		return cli.FlagErrorf("features", "%w", cli.Problem(err))
	}
	return cmp.Or(CheckInboxCap(o.InboxCap), cli.InRange("broadcast-cap", o.BroadcastCap, 1, board.MaxLimit))
}

// CheckInboxCap returns a usage error for what is no value of --inbox-cap.
func CheckInboxCap(items int) error { return cli.InRange("inbox-cap", items, 1, inbox.MaxCap) }
