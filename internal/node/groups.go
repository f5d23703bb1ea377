package node

import (
	"context"
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/envelope"
)

// The groups that --groups knows.
const (
	GroupRouter = "router"
	GroupUnread = "unread"
)

// AllGroups returns them all.
func AllGroups() []string { return []string{GroupRouter, GroupUnread} }

// journalRecord reads the journal.
func journalRecord(cfg kafka.Config, prefix belfry.Prefix) processors.JournalRecord {
	return func(ctx context.Context, partition int32, offset int64) ([]byte, error) {
		m, _, err := table.RecordAt(ctx, cfg, prefix.Journal(), partition, offset)
		if err != nil {
			return nil, err
		}
		return m.Value, nil
	}
}

// newGroup returns the definition of a group by its name.
func newGroup(name string, cfg *kafka.Config, deps processors.Deps, inboxCap int) engine.Group {
	var g engine.Group
	switch name {
	case GroupRouter:
		g = processors.NewRouter(deps, deps.Prefix.Notifications(), envelope.Notifications{}).Group()
		g.Remedy = fmt.Sprintf("run %q", cfg.TopicsCommand("--new-epoch=notifications"))
	default:
		g = processors.NewUnread(deps, inboxCap).Group()
		g.Remedy = fmt.Sprintf("run %q", cfg.TopicsCommand("--new-epoch"))
	}
	return g
}
