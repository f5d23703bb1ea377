package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/cli"
)

func benchLagCommand(p *cli.Program) *cobra.Command {
	var (
		o     pushOptions
		scene bench.LagScene
	)
	c := &cobra.Command{
		Use:   "lag",
		Short: "Measure what it takes to watch many consumer groups and to be scraped",
		Long: `Watch the lag of many consumer groups that have no members and are all behind, and
scrape it as Prometheus does. The process that watches is one of its own; what it
has resident stands beside one that watches its own groups only.

It needs Linux, to see what a process takes.`,
		Example: `  belfry-lab bench lag
  belfry-lab bench lag --lag-scene-groups 100 --lag-scene-partitions 12`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("lag-scene-groups", scene.Groups, 1),
				atLeast("lag-scene-partitions", scene.Partitions, 1), atLeast("scrapes", scene.Scrapes, 1)); err != nil {
				return err
			}
			scene.Topics = min(10, scene.Groups)
			return measurePush(p, cmd, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "lag: %s\n%s\n", machine(), o.where)
				return b.Lag(cmd.Context(), scene)
			})
		},
	}
	o.addPushFlags(c)
	fs := c.Flags()
	fs.IntVar(&scene.Groups, "lag-scene-groups", 1000, "consumer groups to watch")
	fs.IntVar(&scene.Partitions, "lag-scene-partitions", 100, "partitions that each reads")
	fs.IntVar(&scene.Scrapes, "scrapes", 20, "how often to scrape, twice a second")
	return c
}
