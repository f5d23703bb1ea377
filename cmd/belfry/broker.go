package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/broker"
)

func (p *program) brokerCommand() *cobra.Command {
	var (
		addr    string
		dataDir string
		log     logOptions
	)
	c := &cobra.Command{
		Use:     "broker",
		GroupID: groupDevelop,
		Short:   "Run the embedded Kafka broker alone, for development",
		Long: `Run the embedded broker alone: one process that speaks the Kafka protocol to any
client. It is for development: it has neither TLS nor authentication, and must
never hold data that matters. Without --data-dir it forgets everything when it
stops.

It prints its address once clients can connect, and stops on Ctrl-C or SIGTERM.`,
		Example: `  belfry broker
  belfry broker --addr 127.0.0.1:0                     # any free port
  belfry broker --addr 127.0.0.1:19092 --data-dir ./kafka`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkHostPort(addr, 0); err != nil {
				return flagErrorf("addr", "%w", err)
			}
			if isWildcard(addr) {
				return flagErrorf("addr", "%q: clients are told this address, so it must name one host, for example %s", addr, broker.DefaultAddr)
			}
			logger, err := log.logger(p.stderr)
			if err != nil {
				return err
			}
			return p.runBroker(cmd.Context(), broker.Config{Addr: addr, DataDir: dataDir, Logger: logger})
		},
	}
	c.Flags().StringVar(&addr, "addr", broker.DefaultAddr, "`host:port` to listen on and to tell to clients")
	c.Flags().StringVar(&dataDir, "data-dir", "", "`folder` to keep everything in over restarts; nothing is kept if absent")
	log.addFlags(c.Flags())
	return c
}

func (p *program) runBroker(ctx context.Context, cfg broker.Config) error {
	b, err := broker.Start(cfg)
	if err != nil {
		return fmt.Errorf("start broker (another --addr or --data-dir may help): %w", err)
	}
	kept := cfg.DataDir
	if kept == "" {
		kept = "nothing, see --data-dir"
	}
	cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "embedded broker ready, for development only", slog.Any("addrs", b.Addrs()), slog.String("kept", kept))
	// The one line on stdout is for scripts that wait for it.
	if _, err := fmt.Fprintln(p.stdout, "embedded broker ready at "+b.Addrs()[0]); err != nil {
		return errors.Join(fmt.Errorf("print the address: %w", err), b.Close())
	}
	<-ctx.Done()
	if err := b.Close(); err != nil {
		return fmt.Errorf("stop broker: %w", err)
	}
	return nil
}
