package deadletters

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func deadLettersPurgeCommand(p *cli.Program) *cobra.Command {
	var (
		kafka  options.Kafka
		before cli.PastTime
		yes    bool
		asJSON bool
	)
	c := options.Command(p, &cobra.Command{
		Use:   "purge",
		Short: "Tell how many old dead letters there are, and with --yes delete them",
		Long: `Tell how many dead letters were set aside before a time, and with --yes delete
them, whether they were replayed or not. Kafka deletes them by itself after 30
days.

What they hold is gone from the brokers' disks when Kafka next cleans up, a
moment later for whole segments, within a day for the rest.`,
		Example: `  belfry dead-letters purge --before 168h --brokers 127.0.0.1:9092
  belfry dead-letters purge --before 2026-01-31T00:00:00Z --brokers 127.0.0.1:9092 --yes`,
	}, []options.Group{&kafka}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		if before.String() == "" {
			return cli.FlagErrorf("before", "required; name a time, or how long ago: --before 168h")
		}
		at := before.At(time.Now())
		letters, err := openLetters(&kafka, log)
		if err != nil {
			return err
		}
		purged, err := letters.Purge(cmd.Context(), at, yes)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(p.Stdout).Encode(struct {
				replay.Purged
				Before  time.Time `json:"before"`
				Applied bool      `json:"applied"`
			}{purged, at.UTC(), yes})
		}
		verb, hint := "were deleted", ""
		if !yes {
			verb, hint = "would be deleted", "; --"+cli.YesFlag+" does it"
		}
		_, err = fmt.Fprintf(p.Stdout, "%d dead letters of before %s %s, %d of them never replayed%s\n",
			purged.Letters, at.UTC().Format(time.RFC3339), verb, purged.Pending, hint)
		return err
	})
	c.Flags().Var(&before, "before", "delete what was set aside before a `time`: RFC 3339, or how long ago (168h)")
	cli.AddYes(c.Flags(), &yes, "print what would be deleted")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
