package deadletters

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func Command(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:     "dead-letters",
		GroupID: cli.GroupOperate,
		Short:   "List, show, replay and purge the records that could not be processed",
		Long: `What cannot be processed becomes a dead letter: the record as it was received,
byte for byte, and headers that say why and where from. They are kept for 30
days. A letter is named by where it lies in its topic: partition/offset, as in
3/120.

Replay what was mended: the letters go through the rules of today into the
inboxes, never back into the topic that they came from, and nobody gets anything
twice.`,
	}
	c.AddCommand(deadLettersListCommand(p), deadLettersShowCommand(p), deadLettersReplayCommand(p), deadLettersPurgeCommand(p))
	return c
}

// openLetters returns the letters of the installation that the flags name.
func openLetters(kafka *options.Kafka, log *slog.Logger) (*replay.Letters, error) {
	cfg, err := kafka.Reachable(log)
	if err != nil {
		return nil, err
	}
	return replay.NewLetters(cfg, cfg.Prefix), nil
}

// letterOptions say which dead letters are meant.
type letterOptions struct {
	reasons []string
	topics  []string
	groups  []string
	rules   []string
	since   cli.PastTime
	until   cli.PastTime
	limit   int
}

func (o *letterOptions) AddFlags(fs *pflag.FlagSet) {
	var known []string
	for _, r := range deadletter.Reasons() {
		known = append(known, string(r))
	}
	fs.StringSliceVar(&o.reasons, "reason", nil, "only those with a `reason` of this list: "+strings.Join(known, ", "))
	fs.StringSliceVar(&o.topics, "topic", nil, "only those of a `topic` of this list")
	fs.StringSliceVar(&o.groups, "group", nil, "only those that a consumer `group` of this list set aside")
	fs.StringSliceVar(&o.rules, "rule", nil, "only those that a `rule` of this list could not be applied to")
	fs.Var(&o.since, "since", "only those set aside since a `time`: RFC 3339, or how long ago (72h)")
	fs.Var(&o.until, "until", "only those set aside before a `time`: RFC 3339, or how long ago (1h)")
	fs.IntVar(&o.limit, "limit", o.limit, "how many at the most; 0 for all")
}

func (o *letterOptions) Validate() error {
	for _, r := range o.reasons {
		if !slices.Contains(deadletter.Reasons(), deadletter.Reason(r)) {
			return cli.FlagErrorf("reason", "must be of %v, not %.80q", deadletter.Reasons(), r)
		}
	}
	if o.limit < 0 {
		return cli.FlagErrorf("limit", "must be 0 or more, is %d", o.limit)
	}
	f := o.filter(time.Now())
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return cli.FlagErrorf("since", "must be before --until")
	}
	return nil
}

func (o *letterOptions) filter(now time.Time) deadletter.Filter {
	f := deadletter.Filter{Topics: o.topics, Groups: o.groups, Rules: o.rules, Since: o.since.At(now), Until: o.until.At(now)}
	for _, r := range o.reasons {
		f.Reasons = append(f.Reasons, deadletter.Reason(r))
	}
	return f
}

// any reports whether something was asked for.
func (o *letterOptions) any() bool {
	return len(o.reasons)+len(o.topics)+len(o.groups)+len(o.rules) > 0 || o.since.String() != "" || o.until.String() != ""
}

// someLetters refuses arguments that do not name letters.
func someLetters(_ *cobra.Command, args []string) error {
	_, err := letterIDs(args)
	return err
}

// letterIDs reads arguments that name letters, each once.
func letterIDs(args []string) ([]deadletter.ID, error) {
	var ids []deadletter.ID
	for _, arg := range args {
		id, err := deadletter.ParseID(arg)
		if err != nil {
			return nil, cli.Usagef("letter %.40q: %w; \"belfry dead-letters list\" shows the ids", arg, cli.Problem(err))
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
