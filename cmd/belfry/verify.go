package main

import (
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/options"
)

// verifyTopics refuses to start on topics that are missing or not as they must
// be. Their partition count is the journal's: it cannot change for life.
func verifyTopics(cfg kafka.Config, prefix belfry.Prefix) error {
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
	infos, err := topics.Info(names...)
	if err != nil {
		return fmt.Errorf("topics of prefix %s: %w", prefix, err)
	}
	partitions := infos[journal].Partitions
	for _, name := range names {
		if got := infos[name].Partitions; got != partitions {
			return fmt.Errorf("%w: %s has %d partitions and %s has %d: all need equally many for life; delete the wrong one and run \"belfry topics\", or use another --prefix",
				kafka.ErrTopic, name, got, journal, partitions)
		}
	}
	return topics.Verify(prefix.Topics(partitions))
}
