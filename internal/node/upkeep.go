package node

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/upkeep"
)

// needsJournal reports whether the node writes to journals: for its clients, or
// to have rows repaired that its processors find.
func (n *node) needsJournal() bool {
	return n.API != nil || n.Requests != nil || slices.Contains(n.Groups, GroupUnread)
}

// openRepairs must come after the views are made and before anything runs.
func (n *node) openRepairs() (err error) {
	if !n.needsJournal() {
		return nil
	}
	cfg := upkeep.RepairsConfig{
		// A server and a processor may share a state folder.
		Path:    filepath.Join(n.Kafka.StateDir, "repairs", "processors"),
		Journal: n.journal, Logger: n.Log,
	}
	if n.unread != nil {
		cfg.Path, cfg.View = filepath.Join(n.Kafka.StateDir, "repairs", "views"), n.unread
	}
	if n.repairs, err = upkeep.OpenRepairs(cfg); err != nil {
		return err
	}
	if n.unread != nil {
		n.unread.Reports = n.repairs.Reports()
	}
	return nil
}

// keepUp runs what keeps the tables right behind everybody's back. The returned
// function must be called once g has ended.
func (n *node) keepUp(ctx context.Context, g *errgroup.Group) (closeUp func() error, err error) {
	if n.repairs == nil {
		return func() error { return nil }, nil
	}
	g.Go(func() error { return n.repairs.Run(ctx) })
	if n.unread == nil {
		return n.repairs.Close, nil
	}
	items, err := emitters.OpenItems(n.Kafka, n.Prefix)
	if err != nil {
		return n.repairs.Close, err
	}
	cfg := n.Config.Sweep
	cfg.Rows, cfg.Contents, cfg.Items, cfg.Logger = n.unread, n.inbox, items, n.Log
	n.sweep = upkeep.NewSweep(cfg)
	g.Go(func() error { return n.sweep.Run(ctx) })
	return func() error { return errors.Join(n.repairs.Close(), items.Close()) }, nil
}
