package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// Command returns "belfry broadcast" with its subcommands.
func Command(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:     "broadcast",
		GroupID: cli.GroupOperate,
		Short:   "Announce something to everybody or to a topic, list what is live, take it back",
		Long: `A notice is for everybody, or for who has subscribed to a topic: one record in
each partition of the journal, however many users there are. It stands in
inboxes and badges as all else does, until it expires or is taken back.`,
	}
	c.AddCommand(sendCommand(p), listCommand(p), retractCommand(p))
	return c
}

func sendCommand(p *cli.Program) *cobra.Command {
	var (
		kafka    options.Kafka
		notice   noticeOptions
		features string
		yes      bool
	)
	c := options.Command(p, &cobra.Command{
		Use:   "send",
		Short: "Announce something; without --yes show what it would be",
		Long: `Announce something to everybody, or to who has subscribed to a topic. Without
--yes nothing is written: it shows the notice as it will be read in each
language, when it is shown, and how many users of whom something is known it
reaches.

Give the notice by flags, or as one JSON object in a file, with the fields of
POST /v1/notifications. Its id is needed: a notice that was cut off on its way
to some of the partitions is finished by the same call again, and doubled by
one with another id.`,
		Example: `  belfry broadcast send --brokers kafka:9092 --audience all --id closed-3 --title en=Closed --title ko=휴무
  belfry broadcast send --brokers kafka:9092 --audience topic:canteen --id menu-7 --title Menu --yes
  belfry broadcast send --brokers kafka:9092 --file notice.json --yes`,
	}, []options.Group{&kafka}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		if err := checkOpen(features); err != nil {
			return err
		}
		now := time.Now()
		n, err := notice.read(now)
		if err != nil {
			return err
		}
		return announce(cmd.Context(), p.Stdout, kafka.Config("", log), &n, now, yes)
	})
	notice.AddFlags(c.Flags())
	addFeatures(c, &features)
	cli.AddYes(c.Flags(), &yes, "show what would be announced")
	return c
}

func addFeatures(c *cobra.Command, features *string) {
	c.Flags().StringVar(features, "features", inbox.DefaultFeatures.String(), "the capabilities that are open in the installation, as its processors have them")
}

// checkOpen refuses what the processors of the installation would not take.
func checkOpen(text string) error {
	open, err := inbox.ParseFeatures(text)
	if err != nil {
		return cli.FlagErrorf("features", "%w", cli.Problem(err))
	}
	if !open.Has(inbox.FeatureBroadcast) {
		return cli.FlagErrorf("features", "must have %s, as the processors of the installation must: they would set aside what is announced", inbox.FeatureBroadcast)
	}
	return nil
}

// announce shows a notice and whom it reaches, and with yes writes it.
func announce(ctx context.Context, out io.Writer, cfg kafka.Config, n *belfry.Notification, now time.Time, yes bool) error {
	found, err := look(ctx, cfg, n.Audience)
	if err != nil {
		return err
	}
	if err := preview(out, n, found, now); err != nil {
		return err
	}
	if err := found.checkOn(cfg); err != nil {
		return err
	}
	record := inbox.Record{Kind: inbox.KindNotify, Notification: *n}
	if err := found.checkRoom(record, now); err != nil {
		return err
	}
	return found.write(ctx, out, cfg, record, yes, "announced")
}

// write writes a record to each partition and says what is done then; without yes it says
// that nothing is written.
func (f *found) write(ctx context.Context, out io.Writer, cfg kafka.Config, r inbox.Record, yes bool, done string) (err error) {
	if !yes {
		_, err := fmt.Fprintf(out, "\nnothing is written; --%s does it\n", cli.YesFlag)
		return err
	}
	journal, err := emitters.OpenJournal(cfg, cfg.Prefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	if _, err := journal.Append(ctx, inbox.Addressed{Recipients: belfry.PartitionKeys(f.partitions), Record: r}); err != nil {
		return fmt.Errorf("some partitions may have it and others not: run the same command again, which finishes it and doubles nothing: %w", err)
	}
	_, err = fmt.Fprintf(out, "\n%s in %s\n", done, cli.Counted(f.partitions, "partition"))
	return err
}
