package main

import (
	"context"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/internal/options"
)

// verifyTopics refuses to start on topics that are missing or not as they must
// be. Their partition count is the journal's: it cannot change for life. With folds
// it also refuses an installation of which contents may still take two hops.
func verifyTopics(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, folds bool) error {
	topics, err := options.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	journal := prefix.Journal()
	specs := prefix.Topics(1)
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	infos, err := options.TopicInfos(topics, cfg, prefix, names...)
	if err != nil {
		return err
	}
	create := cfg.TopicsCommand()
	partitions := infos[journal].Partitions
	for _, name := range names {
		if got := infos[name].Partitions; got != partitions {
			return fmt.Errorf("%w: %s has %d partitions and %s has %d: all need equally many for life; delete the wrong one and run %q, or use another --prefix",
				kafka.ErrTopic, name, got, journal, partitions, create)
		}
	}
	if err := topics.Verify(prefix.Topics(partitions)); err != nil || !folds {
		return err
	}
	if err := renew.CheckOneHop(ctx, topics, prefix); err != nil {
		return fmt.Errorf("%w: stop the processors of the earlier release and run \"%s --one-hop\"", err, create)
	}
	return nil
}
