package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func retractCommand(p *cli.Program) *cobra.Command {
	var (
		kafka    options.Kafka
		r        belfry.Retraction
		features string
		yes      bool
	)
	c := options.Command(p, &cobra.Command{
		Use:   "retract",
		Short: "Take a notice back: it leaves all inboxes and badges; without --yes show which it is",
		Long: `Take a notice back, by the audience, source and id that it was announced with,
or by its collapse key. It leaves the inboxes and badges of all who have it,
read or not. Without --yes it shows which notice that is. One that has not come
yet is dropped when it does.`,
		Example: `  belfry broadcast retract --brokers kafka:9092 --audience all --id maintenance-3
  belfry broadcast retract --brokers kafka:9092 --audience topic:canteen --collapse-key menu --yes`,
	}, []options.Group{&kafka}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		if err := checkOpen(features); err != nil {
			return err
		}
		if r.Audience == "" {
			return cli.FlagErrorf("audience", "required: all, or topic:NAME")
		}
		if err := r.Check(); err != nil {
			if fe, ok := errors.AsType[*belfry.FieldError](err); ok {
				return cli.FlagErrorf(strings.ReplaceAll(fe.Field, "_", "-"), "%w", cli.Problem(fe))
			}
			return err
		}
		return takeBack(cmd.Context(), p.Stdout, kafka.Config("", log), r, yes)
	})
	fs := c.Flags()
	fs.StringVar(&r.Audience, "audience", "", "whom it was for: `all`, or topic:NAME (required)")
	fs.StringVar(&r.ID, "id", "", "its `id`")
	fs.StringVar(&r.Source, "source", defaultSource, "its `source`")
	fs.StringVar(&r.CollapseKey, "collapse-key", "", "its `key`, in place of the id")
	addFeatures(c, &features)
	cli.AddYes(fs, &yes, "show which notice it is")
	return c
}

// takeBack shows what a retraction is of, and with yes writes it.
func takeBack(ctx context.Context, out io.Writer, cfg kafka.Config, r belfry.Retraction, yes bool) error {
	all, f, err := notices(ctx, cfg, time.Now())
	if err != nil {
		return err
	}
	var of, others []*notice
	for _, n := range all {
		switch {
		case n.Audience != r.Audience:
		case r.ID != "" && n.ID == r.ID && n.Source == r.Source, r.CollapseKey != "" && n.CollapseKey == r.CollapseKey:
			of = append(of, n)
		default:
			others = append(others, n)
		}
	}
	if len(of) == 0 {
		fmt.Fprintf(out, "no such notice to %s is live or scheduled", cli.Printable(r.Audience))
		if of = others; len(of) > 0 {
			fmt.Fprint(out, "; these are:")
		}
		fmt.Fprintln(out)
	}
	if len(of) > 0 {
		if err := printNotices(out, of, f.partitions); err != nil {
			return err
		}
	}
	if err := f.checkOn(cfg); err != nil {
		return err
	}
	return f.write(ctx, out, cfg, inbox.Record{Kind: inbox.KindRetract, Retraction: r}, yes, "taken back")
}
