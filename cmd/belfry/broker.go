package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func brokerCommand(p *cli.Program) *cobra.Command {
	var (
		addr    string
		dataDir string
		topics  []string
	)
	c := options.Command(p, &cobra.Command{
		Use:     "broker",
		GroupID: cli.GroupDevelop,
		Short:   "Run the embedded Kafka broker alone, for development",
		Long: `Run the embedded broker alone: one process that speaks the Kafka protocol to any
client. It is for development: it has neither TLS nor authentication, and must
never hold data that matters. Without --data-dir it forgets everything when it
stops. It creates no topic by itself but those of --topics, and "belfry run"
makes those of Belfry.

It prints its address once clients can connect, and stops on Ctrl-C or SIGTERM.`,
		Example: `  belfry broker
  belfry broker --addr 127.0.0.1:0                     # any free port
  belfry broker --addr 127.0.0.1:19092 --data-dir ./kafka
  belfry broker --topics orders,comments:3             # to try rules on`,
	}, nil, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		if err := cli.CheckHostPort(addr, 0); err != nil {
			return cli.FlagErrorf("addr", "%w", err)
		}
		if cli.IsWildcard(addr) {
			return cli.FlagErrorf("addr", "%q: clients are told this address, so it must name one host, for example %s", addr, broker.DefaultAddr)
		}
		specs, err := parseTopics(topics)
		if err != nil {
			return cli.FlagErrorf("topics", "%w", err)
		}
		return runBroker(cmd.Context(), p, broker.Config{Addr: addr, DataDir: dataDir, Logger: log}, specs)
	})
	c.Flags().StringVar(&addr, "addr", broker.DefaultAddr, "`host:port` to listen on and to tell to clients")
	c.Flags().StringVar(&dataDir, "data-dir", "", "`folder` to keep everything in over restarts; nothing is kept if absent")
	c.Flags().StringSliceVar(&topics, "topics", nil, "topics to create if they are missing, a `list` of name or name:partitions (1 if absent)")
	return c
}

// parseTopics reads a list of name or name:partitions.
func parseTopics(list []string) ([]belfry.TopicSpec, error) {
	var specs []belfry.TopicSpec
	for _, one := range list {
		name, digits, counted := strings.Cut(strings.TrimSpace(one), ":")
		partitions := 1
		if counted {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 1 || n > options.MaxPartitions {
				return nil, fmt.Errorf("%.80q must have 1 to %d partitions, as in %s:3", one, options.MaxPartitions, name)
			}
			partitions = n
		}
		if name == "" {
			return nil, fmt.Errorf("%.80q names no topic", one)
		}
		specs = append(specs, belfry.TopicSpec{Name: name, Partitions: partitions})
	}
	return specs, nil
}

func runBroker(ctx context.Context, p *cli.Program, cfg broker.Config, specs []belfry.TopicSpec) error {
	b, err := broker.Start(cfg)
	if err != nil {
		return fmt.Errorf("start broker (another --addr or --data-dir may help): %w", err)
	}
	if err := makeOwnTopics(ctx, kafka.Config{Brokers: b.Addrs(), Logger: cfg.Logger}, specs); err != nil {
		return errors.Join(err, b.Close())
	}
	cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "embedded broker ready, for development only", slog.Any("addrs", b.Addrs()), slog.String("kept", cmp.Or(cfg.DataDir, "nothing, see --data-dir")))
	// The one line on stdout is for scripts that wait for it.
	if _, err := fmt.Fprintln(p.Stdout, "embedded broker ready at "+b.Addrs()[0]); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), b.Close())
	}
	<-ctx.Done()
	if err := b.Close(); err != nil {
		return fmt.Errorf("stop broker: %w", err)
	}
	return nil
}

// makeOwnTopics creates the topics that are missing; others are left as they are.
func makeOwnTopics(ctx context.Context, cfg kafka.Config, specs []belfry.TopicSpec) error {
	if len(specs) == 0 {
		return nil
	}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	missing, err := topics.Missing(specs)
	if err == nil {
		_, err = topics.Ensure(ctx, missing, 1)
	}
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}
