package deadletters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
)

func deadLettersReplayCommand(p *cli.Program) *cobra.Command {
	var (
		kafka options.Kafka
		rules options.Rules
		which letterOptions
		all   bool
		o     deadletter.ReplayOptions
		print = replayPrinter{counts: map[deadletter.ReplayResult]int{}}
	)
	c := options.Command(p, &cobra.Command{
		Use:   "replay [ID...]",
		Short: "Process dead letters again: show who would get what, and with --yes do it",
		Long: `Process dead letters again, those with these ids or those that the filters mean.
Without --yes it only tells who would get what.

A source topic's letters go through the rules of --rules as they are now; those
of the built-in topic need none. What comes of them is written into the journal,
with the ids that it would have had, and never into the topic that the record
came from. So what is there already is not doubled, and a replay that was
interrupted can be repeated. A letter that was replayed is marked, and left
alone unless --again. A request over Kafka is asked once more in its own topic,
and becomes a new letter if it is as bad as before.

Letters that are as bad as before are counted and told why; they stay what they
are. One that was cut cannot be replayed at all.

The exit code is 1 if any letter was refused or failed.`,
		Example: `  belfry dead-letters replay 3/120 7/4 --brokers 127.0.0.1:9092
  belfry dead-letters replay --topic belfry.notifications --since 24h --brokers 127.0.0.1:9092 --yes
  belfry dead-letters replay --rule order-received --rules rules.yaml --brokers 127.0.0.1:9092 --yes`,
		Args: someLetters,
	}, []options.Group{&kafka, &rules, &which}, func(cmd *cobra.Command, args []string, log *slog.Logger) error {
		ids, err := letterIDs(args)
		if err != nil {
			return err
		}
		switch chosen := which.any() || all; {
		case len(ids) == 0 && !chosen:
			return cli.Usagef("say which letters: by their ids, by filters such as --reason, --topic or --since, or --all")
		case len(ids) > 0 && (chosen || which.limit > 0):
			return cli.Usagef("name letters by their ids or by filters, not both")
		}
		prefix := belfry.Prefix(kafka.Prefix)
		set, err := rules.Load(prefix)
		if err != nil {
			return rules.Refusal(err)
		}
		cfg, err := kafka.Reachable(log)
		if err != nil {
			return err
		}
		print.out, print.applied = p.Stdout, o.Apply
		return replayLetters(cmd.Context(), replay.Config{Engine: cfg, Prefix: prefix, Rules: node.ReplayRules(set, prefix)},
			ids, which.filter(time.Now()), which.limit, o, &print)
	})
	c.Flags().BoolVar(&all, "all", false, "all letters, without a filter")
	cli.AddYes(c.Flags(), &o.Apply, "print what would be written")
	c.Flags().BoolVar(&o.Again, "again", false, "also what was replayed before")
	c.Flags().BoolVar(&print.contents, "contents", false, "show titles")
	c.Flags().BoolVar(&print.json, "json", false, "print JSON, a line for each letter")
	return c
}

func replayLetters(ctx context.Context, cfg replay.Config, ids []deadletter.ID, f deadletter.Filter, limit int, o deadletter.ReplayOptions, print *replayPrinter) (err error) {
	// Letters replayed before need not be told of a thousand times.
	f.Pending = !o.Again
	replay, err := replay.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, replay.Close()) }()
	if len(ids) > 0 {
		err = replay.Named(ctx, ids, o, print.told)
	} else {
		err = replay.Matching(ctx, f, limit, o, print.told)
	}
	return errors.Join(err, print.close())
}

// replayPrinter tells of each letter, and counts.
type replayPrinter struct {
	out      io.Writer
	applied  bool
	contents bool
	json     bool
	counts   map[deadletter.ReplayResult]int
}

func (p *replayPrinter) told(o deadletter.ReplayOutcome) error {
	p.counts[o.Result]++
	if p.json {
		return json.NewEncoder(p.out).Encode(p.report(&o))
	}
	l := o.Letter
	result := string(o.Result)
	if !p.applied && o.Result == deadletter.ReplayDone {
		result = "would be replayed"
	}
	text := fmt.Sprintf("%s  %s/%d/%d  %s", l.ID, cli.Printable(l.Topic), l.Partition, l.Offset, result)
	if o.Problem != "" {
		text += ": " + cli.Printable(o.Problem)
	}
	for i := range o.Writes {
		text += "\n  " + cli.Printable(p.write(&o.Writes[i]))
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

// write is one line about what somebody gets.
func (p *replayPrinter) write(w *deadletter.ReplayWrite) string {
	what := w.Record.Kind.String()
	if w.Seq > 0 {
		what = fmt.Sprintf("content of item %d", w.Seq)
		if w.Item == nil {
			what = fmt.Sprintf("end of item %d", w.Seq)
		}
	}
	who := cli.FirstOf(w.Recipients)
	if audience := w.Record.Audience(); audience != "" {
		who = audience
	}
	text := what + " to " + who
	if w.Record.Rule != "" {
		text += " by rule " + w.Record.Rule
	}
	if title := titleOf(w); p.contents && title != "" {
		text += fmt.Sprintf(": %q", title)
	}
	return text
}

func titleOf(w *deadletter.ReplayWrite) string {
	title := w.Record.Notification.Title
	if w.Item != nil {
		title = w.Item.Title
	}
	return title.Any()
}

// replayReport is what came of one letter as JSON.
type replayReport struct {
	ID      string        `json:"id"`
	Result  string        `json:"result"`
	Applied bool          `json:"applied"`
	Problem string        `json:"problem,omitempty"`
	Writes  []writeReport `json:"writes,omitempty"`
}

type writeReport struct {
	Kind       string   `json:"kind"` // of the record, or item
	Recipients []string `json:"recipients"`
	Audience   string   `json:"audience,omitempty"` // in place of recipients
	Rule       string   `json:"rule,omitempty"`
	ID         string   `json:"id,omitempty"`
	Seq        uint64   `json:"seq,omitempty"`
	Title      string   `json:"title,omitempty"`
}

func (p *replayPrinter) report(o *deadletter.ReplayOutcome) replayReport {
	r := replayReport{ID: o.Letter.ID.String(), Result: string(o.Result), Problem: o.Problem}
	r.Applied = p.applied && (o.Result == deadletter.ReplayDone || o.Result == deadletter.ReplayNobody)
	for i := range o.Writes {
		w := &o.Writes[i]
		report := writeReport{Kind: "item", Recipients: w.Recipients, Audience: w.Record.Audience(), Rule: w.Record.Rule, Seq: w.Seq}
		if w.Seq == 0 {
			report.Kind, report.ID = w.Record.Kind.String(), w.Record.Notification.ID
		}
		if w.Record.Kind == inbox.KindRetract {
			report.ID = w.Record.Retraction.ID
		}
		if p.contents {
			report.Title = titleOf(w)
		}
		r.Writes = append(r.Writes, report)
	}
	return r
}

// Close prints the counts. Its error says that some could not be replayed.
func (p *replayPrinter) close() error {
	n := p.counts
	done, bad := n[deadletter.ReplayDone]+n[deadletter.ReplayNobody], n[deadletter.ReplayFailed]+n[deadletter.ReplayRefused]
	if !p.json {
		verb, hint := "were replayed", ""
		if !p.applied {
			verb, hint = "would be replayed", "; --"+cli.YesFlag+" does it"
		}
		fmt.Fprintf(p.out, "%d %s (%d for nobody), %d were before, %d failed, %d refused%s\n",
			done, verb, n[deadletter.ReplayNobody], n[deadletter.ReplayAgain], n[deadletter.ReplayFailed], n[deadletter.ReplayRefused], hint)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d letters cannot be replayed", bad, done+bad)
	}
	return nil
}
