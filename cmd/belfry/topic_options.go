package main

import (
	"context"
	"fmt"
	"math"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

const (
	// autoReplication stands for 3, or 1 on a cluster of one broker.
	autoReplication = 0

	// maxPartitions is far above what one cluster bears for six topics; more
	// is a slip.
	maxPartitions = 10_000
)

// topicOptions say what the topics are like that are made or verified.
type topicOptions struct {
	partitions  int
	replication int
}

func (o *topicOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.partitions, "partitions", belfry.DefaultPartitions, "partitions of each topic; can't be changed later without losing the order")
	fs.IntVar(&o.replication, "replication", autoReplication, "replicas of each partition; 0 is 3, or 1 on a one-broker cluster")
}

func (o *topicOptions) validate() error {
	if o.partitions < 1 || o.partitions > maxPartitions {
		return flagErrorf("partitions", "must be 1 to %d, is %d", maxPartitions, o.partitions)
	}
	if o.replication < 0 || o.replication > math.MaxInt16 {
		return flagErrorf("replication", "must be 0 to %d, is %d", math.MaxInt16, o.replication)
	}
	return nil
}

// ensure creates the topics that are missing and verifies the others; it returns
// what it changed, also with an error.
func (o *topicOptions) ensure(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix) ([]kafka.Change, error) {
	topics, err := openTopics(cfg)
	if err != nil {
		return nil, err
	}
	defer topics.Close()
	changes, err := topics.Ensure(ctx, prefix.Topics(o.partitions), o.replication)
	if err != nil {
		return changes, fmt.Errorf("topics of prefix %s: %w", prefix, err)
	}
	return changes, nil
}

// foldOptions are inputs of the fold: every processor of an installation needs
// the same.
type foldOptions struct {
	inboxCap int
}

func (o *foldOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.inboxCap, "inbox-cap", inbox.DefaultCap, "items a user keeps, the oldest go; the same for all processors")
}

func (o *foldOptions) validate() error {
	if o.inboxCap < 1 || o.inboxCap > inbox.MaxCap {
		return flagErrorf("inbox-cap", "must be 1 to %d, is %d", inbox.MaxCap, o.inboxCap)
	}
	return nil
}
