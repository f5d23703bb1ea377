package broadcast

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
)

func listCommand(p *cli.Program) *cobra.Command {
	var (
		kafka  options.Kafka
		asJSON bool
	)
	c := options.Command(p, &cobra.Command{
		Use:   "list",
		Short: "List the notices that are live or scheduled",
		Long: `List the notices that are live or scheduled, the newest first, from both
tables. A notice that is not in all partitions was cut off: announce it again
with its id. GET /v1/broadcasts?reach=1 also counts who has seen them.`,
		Example: `  belfry broadcast list --brokers kafka:9092
  belfry broadcast list --brokers kafka:9092 --json`,
	}, []options.Group{&kafka}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		all, f, err := notices(cmd.Context(), kafka.Config("", log), time.Now())
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
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// notice is one that is live or scheduled. One whose content is not in the inbox table yet
// is pending, and has no name.
type notice struct {
	ID          string      `json:"id"`
	Source      string      `json:"source"`
	Audience    string      `json:"audience"`
	Title       belfry.Text `json:"title"`
	CollapseKey string      `json:"collapse_key,omitempty"`
	Until       time.Time   `json:"until,omitzero"` // when it shows, while it is hidden
	ExpiresAt   time.Time   `json:"expires_at"`
	Partitions  []int32     `json:"partitions"`
	Pending     bool        `json:"pending,omitempty"`
}

// notices reads what is on the boards of all partitions.
func notices(ctx context.Context, cfg kafka.Config, now time.Time) ([]*notice, *found, error) {
	f, err := look(ctx, cfg, belfry.AudienceAll)
	if err != nil {
		return nil, nil, err
	}
	contents := map[int32]map[uint64]belfry.Notification{} // of the partitions that were asked about
	all, err := board.Announcements(f.boards, now, func(partition int32, seq uint64) (inbox.Item, bool, error) {
		if contents[partition] == nil {
			if contents[partition], err = contentsOf(ctx, cfg, partition); err != nil {
				return inbox.Item{}, false, err
			}
		}
		n, ok := contents[partition][seq]
		return inbox.Item{Seq: seq, Notification: n}, ok, nil
	})
	if err != nil {
		return nil, nil, err
	}
	out := []*notice{}
	for _, a := range all {
		c := &a.Content
		n := &notice{
			ID: c.ID, Source: c.Source, Audience: c.Audience, Title: c.Title, CollapseKey: c.CollapseKey, Pending: a.Pending,
			ExpiresAt: time.UnixMilli(a.Entry.ExpiresAt).UTC(), Partitions: slices.Sorted(maps.Keys(a.Seqs)),
		}
		if a.Entry.Hidden(now) {
			n.Until = time.UnixMilli(a.Entry.Until).UTC()
		}
		out = append(out, n)
	}
	return out, f, nil
}

// contentsOf reads the contents of the notices of a partition, by seq.
func contentsOf(ctx context.Context, cfg kafka.Config, partition int32) (map[uint64]belfry.Notification, error) {
	out, own := map[uint64]belfry.Notification{}, belfry.PartitionKey(partition)
	err := userdata.ScanContents(ctx, cfg, partition, func(key inbox.ContentKey, value []byte) error {
		switch {
		case key.Recipient != own:
			return nil
		case value == nil:
			delete(out, key.Seq)
			return nil
		}
		item, err := codec.DecodeItem(value)
		out[key.Seq] = item.Notification
		return err
	})
	return out, err
}

func printNotices(w io.Writer, all []*notice, partitions int) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no notice is live or scheduled")
		return err
	}
	t := cli.NewTable(w)
	fmt.Fprintln(t, "ID\tSOURCE\tAUDIENCE\tSHOWN\tUNTIL\tPARTITIONS\tTITLE")
	for _, n := range all {
		from := "now"
		if !n.Until.IsZero() {
			from = "from " + n.Until.Format(time.RFC3339)
		}
		title := in("", n.Title)
		if n.Pending {
			title = "(its content is on its way)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d of %d\t%s\n", cli.OrDash(cli.Printable(n.ID)), cli.OrDash(cli.Printable(n.Source)), cli.OrDash(cli.Printable(n.Audience)), from,
			n.ExpiresAt.Format(time.RFC3339), len(n.Partitions), partitions, cli.Printable(title))
	}
	return t.Flush()
}
