package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/lag"
)

// lagCommandOptions say what of the lag to show, and how.
type lagCommandOptions struct {
	kafka      options.Kafka
	groups     []string
	partitions bool
	asJSON     bool
	watch      bool
	interval   time.Duration
	maxLag     int64
	maxAge     time.Duration

	patterns []*regexp.Regexp // of groups; set by validate
}

func lagCommand(p *cli.Program) *cobra.Command {
	o := &lagCommandOptions{}
	return options.Command(p, &cobra.Command{
		Use:     "lag",
		GroupID: cli.GroupOperate,
		Short:   "Show how far consumer groups are behind",
		Long: `Show how far consumer groups are behind, in records and in time, who of them
runs, and how long until they have caught up. It asks the brokers themselves and
changes nothing. A group that is stopped is shown too, and so is its growing
lag.

For scripts: with --max-lag or --max-age it ends with 1 if a group that is shown
is further behind. --json prints what GET /v1/lag answers; with --watch a line
for each look.`,
		Example: `  belfry lag --brokers 127.0.0.1:9092 --watch
  belfry lag --brokers 127.0.0.1:9092 --groups router,unread --max-age 30s
  belfry lag --brokers 127.0.0.1:9092 --groups '.*' --by-partition`,
	}, []options.Group{o}, func(cmd *cobra.Command, _ []string, _ *slog.Logger) error {
		// Failures are shown or returned, not logged.
		cfg, err := o.kafka.Reachable(slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return o.Run(cmd.Context(), cfg, p.Stdout)
	})
}

func (o *lagCommandOptions) AddFlags(fs *pflag.FlagSet) {
	o.kafka.AddFlags(fs)
	fs.StringSliceVar(&o.groups, "groups", nil, "groups to show, a `list` of patterns (RE2) of whole names, with or without the prefix; those of this installation if absent")
	fs.BoolVar(&o.partitions, "by-partition", false, "show each partition")
	fs.BoolVar(&o.asJSON, "json", false, "print JSON")
	fs.BoolVar(&o.watch, "watch", false, "show it again and again, until interrupted")
	fs.DurationVar(&o.interval, "interval", 2*time.Second, "how often --watch looks")
	fs.Int64Var(&o.maxLag, "max-lag", -1, "end with 1 if a group has more `records` before it; -1 for any")
	fs.DurationVar(&o.maxAge, "max-age", -1, "end with 1 if a group's oldest unprocessed record is older; negative for any")
}

func (o *lagCommandOptions) Validate() error {
	if err := o.kafka.Validate(); err != nil {
		return err
	}
	for _, group := range o.groups {
		pattern, err := options.WholeName("groups", strings.TrimSpace(group))
		if err != nil {
			return err
		}
		if pattern != nil {
			o.patterns = append(o.patterns, pattern)
		}
	}
	if o.interval < 100*time.Millisecond {
		return cli.FlagErrorf("interval", "must be at least 100ms, is %s", o.interval)
	}
	if o.watch && (o.maxLag >= 0 || o.maxAge >= 0) {
		return cli.FlagErrorf("watch", "goes on until interrupted and has no verdict: leave --max-lag and --max-age away")
	}
	return nil
}

// shows reports whether a group is one that was asked for. "router" stands for
// the routers of all sources, as for belfry processor.
func (o *lagCommandOptions) shows(group string) bool {
	if len(o.patterns) == 0 {
		return true
	}
	prefix := belfry.Prefix(o.kafka.Prefix)
	names := []string{group}
	if short, ours := strings.CutPrefix(group, o.kafka.Prefix+"-"); ours {
		names = append(names, short)
	}
	if strings.HasPrefix(group, prefix.RouterGroup("")) {
		names = append(names, node.GroupRouter)
	}
	return slices.ContainsFunc(o.patterns, func(p *regexp.Regexp) bool { return slices.ContainsFunc(names, p.MatchString) })
}

func (o *lagCommandOptions) Run(ctx context.Context, cfg kafka.Config, out io.Writer) error {
	prefix := belfry.Prefix(o.kafka.Prefix)
	ours := node.OtherGroups(prefix, nil)
	interval := o.interval
	if !o.watch {
		interval = time.Second
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		looks   int
		verdict error
	)
	lag := lagwatch.New(cfg, lagwatch.Config{
		Interval: interval,
		Groups: func() map[string][]string {
			all := prefix.GroupInputs()
			for name := range all {
				if !o.shows(name) {
					delete(all, name)
				}
			}
			return all
		},
		Others: func(group string) bool { return (ours(group) || len(o.patterns) > 0) && o.shows(group) },
		Collected: func(r lag.Report) {
			looks++
			switch {
			case o.watch:
				verdict = o.show(out, r, true)
			case !r.Up:
				verdict = errors.New(r.Error)
			case looks == 1 && r.Lag > 0:
				return // how fast it shrinks takes a second look
			default:
				verdict = errors.Join(o.show(out, r, false), o.judge(r))
			}
			if !o.watch || verdict != nil {
				stop()
			}
		},
	})
	// It returns nil, and after Collected.
	_ = lag.Run(ctx)
	if looks == 0 && verdict == nil {
		return ctx.Err()
	}
	return verdict
}

// judge returns an error for the group that is furthest beyond what may be.
func (o *lagCommandOptions) judge(r lag.Report) error {
	for _, g := range r.Groups {
		switch {
		case o.maxLag >= 0 && g.Lag > o.maxLag:
			return fmt.Errorf("group %s is %d records behind, more than %d", g.Name, g.Lag, o.maxLag)
		case o.maxAge >= 0 && g.MaxLagSeconds > o.maxAge.Seconds():
			return fmt.Errorf("group %s is %s behind, more than %s", g.Name, ageText(g.MaxLagSeconds), o.maxAge)
		}
	}
	return nil
}

// clearScreen moves to the top and clears what is below (ECMA-48).
const clearScreen = "\x1b[H\x1b[2J"

func (o *lagCommandOptions) show(out io.Writer, r lag.Report, again bool) error {
	if o.asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	if again && cli.IsTerminal(out) {
		fmt.Fprint(out, clearScreen)
	}
	if again {
		at := "never collected"
		if !r.CollectedAt.IsZero() {
			at = r.CollectedAt.Local().Format(time.TimeOnly)
		}
		fmt.Fprintln(out, at)
	}
	if !r.Up {
		fmt.Fprintf(out, "not collected: %s; what follows is what was found before\n", cli.OneLine(errors.New(r.Error)))
	}
	t := cli.NewTable(out)
	fmt.Fprintln(t, "GROUP\tSTATE\tMEMBERS\tPARTITIONS\tLAG\tOLDEST\tCAUGHT UP IN")
	for _, g := range r.Groups {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", cli.Printable(g.Name), g.State, len(g.Members), len(g.Partitions), g.Lag, ageText(g.MaxLagSeconds), untilCaughtUp(&g))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	// Records that nobody can read yet are no lag, and would look like a topic that is silent.
	for _, line := range heldBack(r) {
		fmt.Fprintln(out, cli.Printable(line))
	}
	if !o.partitions {
		return nil
	}
	for _, g := range r.Groups {
		fmt.Fprintf(t, "\n%s\nTOPIC\tPARTITION\tCOMMITTED\tBEGIN\tEND\tLAG\tOLDEST\n", cli.Printable(g.Name))
		for _, p := range g.Partitions {
			committed := "none"
			if p.CurrentOffset != nil {
				committed = fmt.Sprint(*p.CurrentOffset)
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%d\t%d\t%s\n", p.Topic, p.Partition, committed, p.OldestOffset, p.EndOffset, p.Lag, ageText(p.LagSeconds))
		}
	}
	return t.Flush()
}

// heldBack has a line for each partition in which a transaction is open, however
// many groups read it.
func heldBack(r lag.Report) (lines []string) {
	for _, g := range r.Groups {
		for i := range g.Partitions {
			if line := g.Partitions[i].Held(r.CollectedAt); line != "" && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func untilCaughtUp(g *lag.Group) string {
	switch {
	case g.CatchUpNever:
		return "never"
	case g.CatchUpSeconds == nil:
		return "?"
	case g.Lag == 0:
		return "now"
	}
	return ageText(*g.CatchUpSeconds)
}

// ageText is a duration as people read it, with no more digits than they want.
func ageText(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
