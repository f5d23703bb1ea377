package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/cpus"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/responder"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/upkeep"
)

// serveOptions are the flags of the serving commands; a command has some of
// them.
type serveOptions struct {
	kafka   options.Kafka
	state   options.State
	topics  options.Topics
	fold    options.Fold
	timers  options.Timers
	many    options.Broadcast
	groups  groupOptions
	rules   options.Rules
	reach   options.Channels
	member  options.Member
	asked   options.Requests
	server  options.Server
	push    options.Push
	sweep   options.Sweep
	lag     options.Lag
	process options.Process
	hangups func() (<-chan os.Signal, func()) // of program
}

// serving makes c a command with these flags that serves.
func serving(p *cli.Program, c *cobra.Command, o *serveOptions, flags []options.Group, serve func(context.Context, *slog.Logger) error) *cobra.Command {
	o.state.Env, o.hangups, o.kafka.Version = p.Env, p.Hangups, cli.VersionName(p.Version)
	c.GroupID = cli.GroupServe
	return options.Command(p, c, flags, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		p.LogStrays(log)
		return serve(cmd.Context(), log)
	})
}

// serve runs a node of these options; withAPI says whether it has the server,
// prepare is called before it starts and may be nil.
func (o *serveOptions) serve(ctx context.Context, log *slog.Logger, withAPI bool, prepare func(kafka.Config) error) (err error) {
	if withAPI {
		if err := options.CheckDistinct(o.server.Addr, o.process.MetricsAddr); err != nil {
			return err
		}
		defer cpus.Spare(o.state.Env)()
	}
	routed, err := o.rulesConfig()
	if err != nil {
		return err
	}
	told, err := o.channelsConfig()
	if err != nil {
		return err
	}
	answered, err := o.requestsConfig()
	if err != nil {
		return err
	}
	// The last of what is deferred; an error is told by whoever gets it.
	defer func() {
		if err == nil {
			log.Info("stopped")
		}
	}()
	unlock, err := o.lockState(withAPI || answered != nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	traces, err := openTracing(ctx, o.state.Env, o.kafka.Version, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.Close()) }()
	cfg := node.Config{
		Tracer:      traces.tracer,
		Kafka:       o.kafka.Config(o.state.Dir, log),
		Prefix:      belfry.Prefix(o.kafka.Prefix),
		InboxCap:    o.fold.InboxCap,
		TimerRate:   o.timers.Rate,
		Features:    o.fold.Features,
		Groups:      o.groups.names,
		Rules:       routed,
		Channels:    told,
		Requests:    answered,
		ReplayRules: func() (*rules.Set, error) { return o.rules.Load(belfry.Prefix(o.kafka.Prefix)) },
		Grace:       o.process.Grace,
		Log:         log,

		Sweep: upkeep.SweepConfig{Interval: o.sweep.Interval, MinAge: o.sweep.Age},

		LagGroups: o.lag.Pattern,

		BroadcastCap: o.fold.BroadcastCap, BroadcastWakes: o.many.Wakes,
	}
	o.member.Apply(&cfg.Kafka)
	if withAPI {
		if err = o.push.CheckFeatures(o.fold.Features); err != nil {
			return err
		}
		if cfg.Push, cfg.Mail, err = o.push.Config(o.server.Tokens.Secret); err != nil {
			return err
		}
		if cfg.Server, cfg.Keys, err = o.server.Config(log); err != nil {
			return err
		}
		if cfg.API, err = cli.Listen(ctx, "addr", o.server.Addr); err != nil {
			return err
		}
	}
	if cfg.Metrics, err = cli.Listen(ctx, "metrics-addr", o.process.MetricsAddr); err != nil {
		return errors.Join(err, cfg.Close())
	}
	if prepare != nil {
		if err := prepare(cfg.Kafka); err != nil {
			return errors.Join(err, cfg.Close())
		}
	}
	if err := verifyTopics(ctx, cfg.Kafka, slices.Contains(cfg.Groups, node.GroupUnread), cfg.Features); err != nil {
		return errors.Join(err, cfg.Close())
	}
	// A start that is refused before this is one line on stderr.
	log.Info("starting", o.facts(withAPI)...)
	for _, warning := range o.warnings(withAPI) {
		log.Warn("a setting that an attacker would like", "setting", warning)
	}
	if withAPI && told != nil {
		for _, name := range o.push.Idle(told.Loaded()) {
			log.Warn("nothing is to be sent on a way of --send, no channel of --channels is of its kind", "send", name, "channels", o.reach.Path)
		}
	}
	if o.groups.former {
		log.Warn("group of --groups does nothing any more: the group unread writes the inbox table; leave it out", "group", formerGroup)
	}
	cfg.OnReady = func() {
		attrs := []any{"groups", cfg.Groups}
		if cfg.API != nil {
			attrs = append(attrs, "addr", cfg.API.Addr().String())
		}
		if cfg.Metrics != nil {
			attrs = append(attrs, "metrics_addr", cfg.Metrics.Addr().String())
		}
		log.Info("ready", attrs...)
	}
	return node.Run(ctx, cfg)
}

// facts are what somebody wants to know of a process whose log is all that there is.
func (o *serveOptions) facts(withAPI bool) []any {
	return []any{
		"version", o.kafka.Version, "brokers", o.kafka.Brokers, "prefix", o.kafka.Prefix, "rules", cli.OrDash(o.rules.Path), "channels", cli.OrDash(o.reach.Path),
		"groups", o.groups.names, "server", withAPI, "state_dir", o.state.Dir, "features", o.fold.Features.String(),
	}
}

// warnings are what the options found that works and should not be so.
func (o *serveOptions) warnings(withAPI bool) []string {
	all := slices.Concat(o.kafka.Warnings(), o.rules.Warnings())
	if withAPI {
		all = slices.Concat(all, o.server.Warnings(), o.push.Warnings())
	}
	return all
}

// rulesConfig loads the rules; nil if the node routes by none. Rules that are wrong
// are a refusal.
func (o *serveOptions) rulesConfig() (*node.Rules, error) {
	if o.rules.Path == "" || !slices.Contains(o.groups.names, node.GroupRouter) {
		return nil, nil
	}
	load := func() (*rules.Set, error) { return o.rules.Load(belfry.Prefix(o.kafka.Prefix)) }
	routed, err := node.LoadWatched(o.rules.Path, load, o.hangups)
	if err != nil {
		return nil, o.rules.Refusal(err)
	}
	return routed, nil
}

// channelsConfig loads the channels; nil if there are none. Wrong ones are a refusal.
func (o *serveOptions) channelsConfig() (*node.Channels, error) {
	if o.reach.Path == "" {
		return nil, nil
	}
	told, err := node.LoadWatched(o.reach.Path, o.reach.Load, o.hangups)
	if err != nil {
		return nil, o.reach.Refusal(err)
	}
	return told, nil
}

// requestsConfig is which requests over Kafka the node answers; nil for none.
func (o *serveOptions) requestsConfig() (*responder.Config, error) {
	answered, err := o.asked.Config(belfry.Prefix(o.kafka.Prefix))
	if err != nil || !slices.Contains(o.groups.names, node.GroupRouter) {
		return nil, err
	}
	return answered, nil
}

// lockState takes the parts of the state folder that the node uses; tables says whether
// it has copies of them.
func (o *serveOptions) lockState(tables bool) (unlock func() error, err error) {
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
	if tables {
		parts = append(parts, serverState)
	}
	for _, part := range parts {
		f, err := lockState(o.state.Dir, part)
		if err != nil {
			return nil, errors.Join(err, unlock())
		}
		held = append(held, f)
	}
	return unlock, nil
}

func processorCommand(p *cli.Program) *cobra.Command {
	o := &serveOptions{asked: options.Requests{OwnHosts: true}}
	return serving(p, &cobra.Command{
		Use:   "processor",
		Short: "Run processors: they route events and fold journals into the tables",
		Long: `Run processors. Start as many instances as there are partitions at the most:
they share the partitions among them, and take over from one that stops. The
topics must exist (belfry topics). Each processor on a machine needs a
--state-dir of its own; a lost one costs a recovery, nothing else.

With --rules the group router reads other topics, too. The rules are read again
when their files change and on SIGHUP; bad ones are refused, the old ones stay.

With --instance-id a process keeps its partitions over a restart that takes less
than --session-timeout. The price: when it stops for good, its partitions wait
for as long.

With --channels users are told of what they have not looked at: the group unread
decides when, and writes to belfry.outbound. The file is read again as the rules
are. Give the same one to all processors and servers.

With --reply-topics the group router also answers requests over Kafka: that a
device is subscribed, for one. It then holds a copy of both tables, as a server
does, in its --state-dir.`,
		Example: `  belfry processor --brokers kafka:9092 --metrics-addr :9100
  belfry processor --brokers kafka:9092 --groups router --rules rules.yaml --state-dir /var/lib/belfry
  belfry processor --brokers kafka:9092 --instance-id "$HOSTNAME" --session-timeout 30s`,
	}, o, []options.Group{&o.kafka, &o.groups, &o.rules, &o.reach, &o.asked, &o.member, &o.fold, &o.timers, &o.many, &o.state, &o.lag, &o.process}, func(ctx context.Context, log *slog.Logger) error {
		return o.serve(ctx, log, false, nil)
	})
}

func serverCommand(p *cli.Program) *cobra.Command {
	o := &serveOptions{}
	return serving(p, &cobra.Command{
		Use:   "server",
		Short: "Serve the API, the streams and the pages",
		Long: `Serve the API, the streams and the pages. Every server holds a copy of both
tables and can answer for every user, so start as many as you like behind any
load balancer. The topics must exist (belfry topics). Each server on a
machine needs a --state-dir of its own.

With --send webpush and --send mail it also sends to browsers and by mail what
users' logs have decided to send: it shares that work with all others that do.`,
		Example: `  belfry server --brokers kafka:9092 --jwt-secret-file jwt.secret --addr :8080 --metrics-addr :9100
  belfry server --brokers 127.0.0.1:9092 --auth none
  belfry server --brokers kafka:9092 --jwt-secret-file jwt.secret --send webpush \
      --vapid-key-file vapid.pem --vapid-subject mailto:ops@example.com --public-url https://inbox.example.com`,
	}, o, []options.Group{&o.kafka, &o.server, &o.push, &o.sweep, &o.rules, &o.reach, &o.fold, &o.many, &o.state, &o.lag, &o.process}, func(ctx context.Context, log *slog.Logger) error {
		return o.serve(ctx, log, true, nil)
	})
}

func runCommand(p *cli.Program) *cobra.Command {
	o := &serveOptions{}
	return serving(p, &cobra.Command{
		Use:   "run",
		Short: "Run all processors and the server in one process",
		Long: `Run all processors and the server in one process: the small team's deployment.
Topics that are missing are created. Start a second one on another machine, or
with another --state-dir and --addr, and they share the work.

With --rules it reads other topics, too, and with --channels users are told of
what they have not looked at. Both are read again when their files change and on
SIGHUP; bad ones are refused, the old ones stay.

With --reply-topics it also answers requests over Kafka: that a device is
subscribed, for one.`,
		Example: `  belfry run --brokers kafka:9092 --jwt-secret-file jwt.secret --addr :8080
  belfry run --brokers kafka:9092 --jwt-secret-file jwt.secret --rules rules.yaml
  belfry run --brokers kafka:9092 --jwt-secret-file jwt.secret --reply-topics v1.event.subscription.response`,
	}, o, []options.Group{&o.kafka, &o.server, &o.push, &o.sweep, &o.topics, &o.rules, &o.reach, &o.asked, &o.member, &o.fold, &o.timers, &o.many, &o.state, &o.lag, &o.process}, func(ctx context.Context, log *slog.Logger) error {
		o.groups.names = node.AllGroups()
		return o.serve(ctx, log, true, func(cfg kafka.Config) error {
			changes, err := o.topics.Ensure(ctx, cfg, belfry.Prefix(o.kafka.Prefix), &o.asked)
			for _, change := range changes {
				log.Info("topic prepared", "change", string(change))
			}
			return err
		})
	})
}
