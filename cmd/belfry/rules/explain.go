package rules

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/sources/rules"
)

func rulesExplainCommand(p *cli.Program) *cobra.Command {
	var (
		partition int32
		offset    int64
	)
	c := recordCommand(p, &cobra.Command{
		Use:   "explain",
		Short: "Show what the rules make of one record, field by field",
		Long: `Read one record and show all that the rules see of it: the decoded value, what
its envelope says, and for each rule the value of each field. Nothing is
written, no group is joined.`,
		Example: `  belfry rules explain --rules rules.yaml --topic orders --partition 3 --offset 1742 --brokers 127.0.0.1:9092`,
	}, func(ctx context.Context, o *recordOptions, source *rules.Source, log *slog.Logger) error {
		if offset < 0 {
			return cli.FlagErrorf("offset", "required; name the record's offset, which dry-run prints")
		}
		cfg, err := o.kafka.Reachable(log)
		if err != nil {
			return err
		}
		m, info, err := table.RecordAt(ctx, cfg, o.topic, partition, offset)
		if err != nil {
			return o.readError(err)
		}
		report := explainRecord(source, sourceRecord(m, info))
		if o.asJSON {
			return json.NewEncoder(p.Stdout).Encode(report)
		}
		return report.print(p.Stdout, true)
	})
	c.Flags().Int32Var(&partition, "partition", 0, "the record's partition")
	c.Flags().Int64Var(&offset, "offset", -1, "the record's offset (required)")
	return c
}
