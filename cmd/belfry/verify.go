package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/options"
)

// verifyTopics refuses to start on topics that are missing or not as they must
// be. Their partition count is the journal's: it cannot change for life. With folds
// it also refuses an installation of which contents may still take two hops. A topic that
// no open feature uses may be missing, so that an upgrade alone needs no new one.
func verifyTopics(ctx context.Context, cfg kafka.Config, folds bool, features inbox.Features) error {
	topics, err := options.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	journal := cfg.Prefix.Journal()
	specs := usedTopics(cfg.Prefix, 1, features)
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	infos, err := options.TopicInfos(topics, cfg, names...)
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
	if err := topics.Verify(usedTopics(cfg.Prefix, partitions, features)); err != nil || !folds {
		return err
	}
	if err := renew.CheckOneHop(ctx, topics, cfg.Prefix); err != nil {
		return fmt.Errorf("%w: stop the processors of the earlier release and run \"%s --one-hop\"", err, create)
	}
	return nil
}

// usedTopics are the topics of an installation with those features.
func usedTopics(prefix belfry.Prefix, partitions int, features inbox.Features) []belfry.TopicSpec {
	return slices.DeleteFunc(prefix.Topics(partitions), func(s belfry.TopicSpec) bool {
		return s.Name == prefix.Outbound() && !features.Has(inbox.FeatureReach)
	})
}
