package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/upkeep"
)

// options is one group of flags.
type options interface {
	addFlags(*pflag.FlagSet)
	validate() error
}

// serveOptions are the flags of the serving commands; a command has some of
// them.
type serveOptions struct {
	kafka   kafkaOptions
	state   stateOptions
	topics  topicOptions
	fold    foldOptions
	groups  groupOptions
	rules   rulesOptions
	member  memberOptions
	server  serverOptions
	sweep   sweepOptions
	lag     lagOptions
	process processOptions
	log     logOptions

	hangups func() (<-chan os.Signal, func()) // of program
}

// serving makes c a command with these flags, and those of the log, that
// validates them and serves.
func serving(p *program, c *cobra.Command, o *serveOptions, flags []options, serve func(context.Context, *slog.Logger) error) *cobra.Command {
	o.state.env, o.hangups, o.kafka.version = p.env, p.hangups, versionName(p.version)
	for _, f := range flags {
		f.addFlags(c.Flags())
	}
	o.log.addFlags(c.Flags())
	c.GroupID = groupServe
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, f := range flags {
			if err := f.validate(); err != nil {
				return err
			}
		}
		log, err := o.log.logger(p.stderr)
		if err != nil {
			return err
		}
		return serve(cmd.Context(), log)
	}
	return c
}

// listen opens a listener; flag is for the error.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, flagErrorf(flag, "%w: stop what listens there or choose another address", err)
	}
	return ln, nil
}

// serve runs a node of these options; withAPI says whether it has the server,
// prepare is called before it starts and may be nil.
func (o *serveOptions) serve(ctx context.Context, log *slog.Logger, withAPI bool, prepare func(kafka.Config) error) (err error) {
	if withAPI {
		if err := distinct(o.server.addr, o.process.metricsAddr); err != nil {
			return err
		}
	}
	routed, err := o.rulesConfig()
	if err != nil {
		return err
	}
	unlock, err := o.lockState(withAPI)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	traces, err := openTracing(ctx, o.state.env, o.kafka.version, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.close()) }()
	cfg := nodeConfig{
		tracer:      traces.tracer,
		engine:      o.kafka.engineConfig(o.state.dir, log),
		prefix:      belfry.Prefix(o.kafka.prefix),
		inboxCap:    o.fold.inboxCap,
		groups:      o.groups.names,
		rules:       routed,
		replayRules: func() (*rules.Set, error) { return o.rules.load(belfry.Prefix(o.kafka.prefix)) },
		grace:       o.process.grace,
		log:         log,

		sweep: upkeep.SweepConfig{Interval: o.sweep.interval, MinAge: o.sweep.age},

		lagGroups: o.lag.pattern,
	}
	o.member.apply(&cfg.engine)
	if withAPI {
		if cfg.server, cfg.keys, err = o.server.config(log); err != nil {
			return err
		}
		if cfg.api, err = listen(ctx, "addr", o.server.addr); err != nil {
			return err
		}
	}
	if cfg.metrics, err = listen(ctx, "metrics-addr", o.process.metricsAddr); err != nil {
		return errors.Join(err, cfg.close())
	}
	if prepare != nil {
		if err := prepare(cfg.engine); err != nil {
			return errors.Join(err, cfg.close())
		}
	}
	if err := verifyTopics(cfg.engine, cfg.prefix); err != nil {
		return errors.Join(err, cfg.close())
	}
	cfg.onReady = func() {
		attrs := []any{"groups", cfg.groups}
		if cfg.api != nil {
			attrs = append(attrs, "addr", cfg.api.Addr().String())
		}
		if cfg.metrics != nil {
			attrs = append(attrs, "metrics_addr", cfg.metrics.Addr().String())
		}
		log.Info("ready", attrs...)
	}
	return runNode(ctx, cfg)
}

// rulesConfig loads the rules; nil if the node routes by none. What is wrong
// with them is a refusal.
func (o *serveOptions) rulesConfig() (*rulesConfig, error) {
	if o.rules.path == "" || !slices.Contains(o.groups.names, groupRouter) {
		return nil, nil
	}
	load := func() (*rules.Set, error) { return o.rules.load(belfry.Prefix(o.kafka.prefix)) }
	routed, err := loadRules(o.rules.path, load, o.hangups)
	if err != nil {
		return nil, flagErrorf("rules", "%w", err)
	}
	return routed, nil
}

// lockState takes the parts of the state folder that the node uses.
func (o *serveOptions) lockState(withAPI bool) (unlock func() error, err error) {
	var held []func() error
	unlock = func() error {
		var errs []error
		for _, f := range held {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	var parts []string
	if len(o.groups.names) > 0 {
		parts = append(parts, processorState)
	}
	if withAPI {
		parts = append(parts, serverState)
	}
	for _, part := range parts {
		f, err := lockState(o.state.dir, part)
		if err != nil {
			return nil, errors.Join(err, unlock())
		}
		held = append(held, f)
	}
	return unlock, nil
}

func processorCommand(p *program) *cobra.Command {
	o := &serveOptions{}
	return serving(p, &cobra.Command{
		Use:   "processor",
		Short: "Run processors: they route events, fold journals, fill the inbox table",
		Long: `Run processors. Start as many instances as there are partitions at the most:
they share the partitions among them, and take over from one that stops. The
topics must exist (belfry topics). Each processor on a machine needs a
--state-dir of its own; a lost one costs a recovery, nothing else.

With --rules the group router reads other topics, too. The rules are read again
when their files change and on SIGHUP; bad ones are refused, the old ones stay.

With --instance-id a process keeps its partitions over a restart that takes less
than --session-timeout. The price: when it stops for good, its partitions wait
for as long.`,
		Example: `  belfry processor --brokers kafka:9092 --metrics-addr :9100
  belfry processor --brokers kafka:9092 --groups router --rules rules.yaml --state-dir /var/lib/belfry
  belfry processor --brokers kafka:9092 --instance-id "$HOSTNAME" --session-timeout 30s`,
	}, o, []options{&o.kafka, &o.groups, &o.rules, &o.member, &o.fold, &o.state, &o.lag, &o.process}, func(ctx context.Context, log *slog.Logger) error {
		tuneGC(p.env)
		return o.serve(ctx, log, false, nil)
	})
}

func serverCommand(p *program) *cobra.Command {
	o := &serveOptions{}
	return serving(p, &cobra.Command{
		Use:   "server",
		Short: "Serve the API, the streams and the pages",
		Long: `Serve the API, the streams and the pages. Every server holds a copy of both
tables and can answer for every user, so start as many as you like behind any
load balancer. The topics must exist (belfry topics). Each server on a
machine needs a --state-dir of its own.`,
		Example: `  belfry server --brokers kafka:9092 --jwt-secret-file jwt.secret --addr :8080 --metrics-addr :9100
  belfry server --brokers 127.0.0.1:9092 --auth none`,
	}, o, []options{&o.kafka, &o.server, &o.sweep, &o.rules, &o.fold, &o.state, &o.lag, &o.process}, func(ctx context.Context, log *slog.Logger) error {
		return o.serve(ctx, log, true, nil)
	})
}

func runCommand(p *program) *cobra.Command {
	o := &serveOptions{}
	return serving(p, &cobra.Command{
		Use:   "run",
		Short: "Run all processors and the server in one process",
		Long: `Run all processors and the server in one process: the small team's deployment.
Topics that are missing are created. Start a second one on another machine, or
with another --state-dir and --addr, and they share the work.

With --rules it reads other topics, too. The rules are read again when their
files change and on SIGHUP; bad ones are refused, the old ones stay.`,
		Example: `  belfry run --brokers kafka:9092 --jwt-secret-file jwt.secret --addr :8080
  belfry run --brokers kafka:9092 --jwt-secret-file jwt.secret --rules rules.yaml`,
	}, o, []options{&o.kafka, &o.server, &o.sweep, &o.topics, &o.rules, &o.member, &o.fold, &o.state, &o.lag, &o.process}, func(ctx context.Context, log *slog.Logger) error {
		o.groups.names = allGroups()
		return o.serve(ctx, log, true, func(cfg kafka.Config) error {
			changes, err := o.topics.ensure(ctx, cfg, belfry.Prefix(o.kafka.prefix))
			for _, change := range changes {
				log.Info("topic prepared", "change", string(change))
			}
			return err
		})
	})
}
