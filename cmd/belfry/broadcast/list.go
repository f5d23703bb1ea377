package broadcast

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/IBM/sarama"
	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func listCommand(p *cli.Program) *cobra.Command {
	var (
		kafka  options.Kafka
		log    options.Log
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List the notices that are live or scheduled",
		Long: `List the notices that are live or scheduled, the newest first, from both
tables. A notice that is not in all partitions was cut off: announce it again
with its id. GET /v1/broadcasts?reach=1 also counts who has seen them.`,
		Example: `  belfry broadcast list --brokers kafka:9092
  belfry broadcast list --brokers kafka:9092 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := kafka.Validate(); err != nil {
				return err
			}
			logger, err := log.Logger(p.Stderr)
			if err != nil {
				return err
			}
			all, f, err := notices(cmd.Context(), kafka.Config("", logger), belfry.Prefix(kafka.Prefix), time.Now())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(p.Stdout).Encode(struct {
					Partitions int       `json:"partitions"`
					Broadcasts []*notice `json:"broadcasts"`
				}{f.partitions, all})
			}
			return printNotices(p.Stdout, all, f.partitions)
		},
	}
	kafka.AddFlags(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	log.AddFlags(c.Flags())
	return c
}

// notice is one that is live or scheduled.
type notice struct {
	ID          string      `json:"id"`
	Source      string      `json:"source"`
	Audience    string      `json:"audience"`
	Title       belfry.Text `json:"title"`
	CollapseKey string      `json:"collapse_key,omitempty"`
	Until       time.Time   `json:"until,omitzero"` // when it shows, while it is hidden
	ExpiresAt   time.Time   `json:"expires_at"`
	Partitions  []int       `json:"partitions"`

	place uint64
}

// notices reads what is on the boards of all partitions; of one whose content is not in
// the inbox table yet nothing is told.
func notices(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, now time.Time) ([]*notice, *found, error) {
	f, err := look(ctx, cfg, prefix, belfry.AudienceAll)
	if err != nil {
		return nil, nil, err
	}
	type identity struct{ id, source, audience string }
	known, out := map[identity]*notice{}, []*notice{}
	for p, b := range f.boards {
		if b == nil || len(b.State.Items) == 0 {
			continue
		}
		contents, err := contentsOf(ctx, cfg, prefix.InboxTable(), int32(p))
		if err != nil {
			return nil, nil, err
		}
		for i := range b.State.Items {
			e := &b.State.Items[i]
			c, ok := contents[e.Seq]
			if !ok || e.Expired(now) {
				continue
			}
			key := identity{c.ID, c.Source, c.Audience}
			n := known[key]
			if n == nil {
				n = &notice{ID: c.ID, Source: c.Source, Audience: c.Audience, Title: c.Title, CollapseKey: c.CollapseKey, ExpiresAt: c.ExpiresAt, place: e.Place()}
				if e.Hidden(now) {
					n.Until = time.UnixMilli(e.Until).UTC()
				}
				known[key], out = n, append(out, n)
			}
			n.Partitions = append(n.Partitions, p)
		}
	}
	slices.SortStableFunc(out, func(a, b *notice) int { return cmp.Compare(b.place, a.place) })
	return out, f, nil
}

// contentsOf reads the contents of the notices of a partition, by seq.
func contentsOf(ctx context.Context, cfg kafka.Config, topic string, partition int32) (map[uint64]belfry.Notification, error) {
	out := map[uint64]belfry.Notification{}
	err := table.Scan(ctx, cfg, topic, partition, func(m *sarama.ConsumerMessage) error {
		of, seq, ok := inbox.ParseNoticeKey(string(m.Key))
		if !ok || of != partition {
			return nil
		}
		if m.Value == nil {
			delete(out, seq)
			return nil
		}
		item, err := codec.DecodeItem(m.Value)
		if err != nil {
			return fmt.Errorf("decode the content of notice %d of partition %d: %w", seq, partition, err)
		}
		out[seq] = item.Notification
		return nil
	})
	return out, err
}

func printNotices(w io.Writer, all []*notice, partitions int) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no notice is live or scheduled")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSOURCE\tAUDIENCE\tSHOWN\tUNTIL\tPARTITIONS\tTITLE")
	for _, n := range all {
		from := "now"
		if !n.Until.IsZero() {
			from = "from " + n.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d of %d\t%s\n", cli.Printable(n.ID), cli.Printable(n.Source), cli.Printable(n.Audience), from,
			n.ExpiresAt.UTC().Format(time.RFC3339), len(n.Partitions), partitions, cli.Printable(in("", n.Title)))
	}
	return t.Flush()
}
