package inspect

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
	"github.com/belfry/belfry/reach"
)

func Command(p *cli.Program) *cobra.Command {
	var (
		kafka    options.Kafka
		asJSON   bool
		contents bool
		channels options.Channels
		journal  journalOptions
		audit    bool
	)
	c := options.Command(p, &cobra.Command{
		Use:     "inspect [USER]",
		GroupID: cli.GroupOperate,
		Short:   "Show what the tables hold of one user, and where each number comes from",
		Long: `Show what the tables hold of one user: the row with its version and counts, each
item with its flags, and whether its content is there. It reads the user's
partition of both tables from Kafka and changes nothing.

With --journal it answers "why is my badge 3?": it reads the user's partition of
the journal, folds the user's records again and shows what each of them changed,
the counts after it, and whether the row agrees, and folds the notices to many
beside them. What is older than the journal's retention is unknown, and it says
so.

Texts are people's own: they are shown with --contents only.

With --channels it also says by item when the user was or will be told of it
outside of the inbox, and what holds that. Of endpoints the host alone is shown.

With --audit it recounts the user, or everybody if none is named, from rows and
contents, and ends with 1 if a badge is wrong or a content is missing. What may
still be on its way is waited for. Memory is that of one partition of both
tables.`,
		Example: `  belfry inspect user-7 --brokers 127.0.0.1:9092
  belfry inspect user-7 --brokers 127.0.0.1:9092 --contents --json
  belfry inspect user-7 --brokers 127.0.0.1:9092 --channels channels.yaml
  belfry inspect user-7 --brokers 127.0.0.1:9092 --journal --since 48h
  belfry inspect --audit --brokers 127.0.0.1:9092`,
		Args: func(cmd *cobra.Command, args []string) error {
			if audit && len(args) == 0 {
				return nil
			}
			return cli.OneUser("USER --brokers HOST:PORT")(cmd, args)
		},
	}, []options.Group{&kafka, &channels, &journal}, func(cmd *cobra.Command, args []string, log *slog.Logger) error {
		cfg := kafka.Config("", log)
		if audit && journal.show {
			return cli.FlagErrorf("audit", "is another question than --journal: ask one of them")
		}
		if journal.show {
			return inspectJournal(cmd.Context(), p, cfg, args[0], journal, contents, asJSON)
		}
		if audit {
			a := &auditor{Config: cfg}
			if len(args) > 0 {
				a.user = args[0]
			}
			return runAudit(cmd.Context(), a, p.Stdout, asJSON)
		}
		var policy *reach.Policy
		var err error
		if channels.Path != "" {
			if policy, err = channels.Load(); err != nil {
				return channels.Refusal(err)
			}
		}
		report, err := inspect(cmd.Context(), cfg, args[0], policy)
		if err != nil {
			return err
		}
		if !contents {
			report.hideTexts()
		}
		return cli.Print(p.Stdout, asJSON, report)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&contents, "contents", false, "show titles")
	c.Flags().BoolVar(&audit, "audit", false, "recount the user, or all users, and say what is wrong")
	return c
}

// Report is what the tables hold of one user.
type Report struct {
	User      string       `json:"user"`
	Partition int32        `json:"partition"`
	Version   uint64       `json:"version"`
	Cursor    string       `json:"cursor"`
	Base      uint64       `json:"base"`
	Horizon   uint64       `json:"horizon"`
	Counts    inbox.Counts `json:"counts"`
	Items     []Item       `json:"items"`
	Mutes     []Mute       `json:"mutes"`
	Removals  int          `json:"removals"`
	Sources   int          `json:"sources"`
	// Orphans are contents that the row does not hold; they are never listed.
	Orphans []uint64 `json:"orphans"`
	Reach   *Reach   `json:"reach,omitempty"`

	policy bool // Reach is by channels
}

type Item struct {
	Seq      uint64 `json:"seq"`
	Version  uint64 `json:"version"`
	State    string `json:"state"`              // expired, hidden, archived, read, seen or unread
	Audience string `json:"audience,omitempty"` // of a notice; what is the user's alone has none
	Category string `json:"category,omitempty"`
	Priority string `json:"priority"`
	Count    uint32 `json:"count"`
	Content  bool   `json:"content"` // whether the inbox table has it
	Title    string `json:"title,omitempty"`

	// Until is there while it is hidden, WokeAt afterwards; Shown is the version of the
	// record that settled that, 0 before.
	Until  time.Time `json:"until,omitzero"`
	WokeAt time.Time `json:"woke_at,omitzero"`
	Shown  uint64    `json:"shown,omitempty"`
	Born   bool      `json:"scheduled,omitempty"` // hidden by its sender
	Muted  bool      `json:"muted,omitempty"`
	// Members are the arrivals that it keeps beside the shown one, Lacking those of
	// them whose content the inbox table does not have.
	Members []uint64 `json:"members,omitempty"`
	Lacking []uint64 `json:"lacking,omitempty"`
	Tells   []Tell   `json:"tells,omitempty"`
}

// Mute is a muted category.
type Mute struct {
	Category string    `json:"category"`
	Version  uint64    `json:"version"` // of the record that muted it
	Since    time.Time `json:"since"`
}

func inspect(ctx context.Context, cfg kafka.Config, user string, policy *reach.Policy) (*Report, error) {
	held, err := userdata.Read(ctx, cfg, user)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	report := newUserReport(user, held.Partition, &held.Row, held.Items, now)
	report.Removals = len(held.Stored.Removals) // those of the shown row are of the board, too
	report.Reach, report.policy = newReach(&held.Row, held.Endpoints), policy != nil
	told := tells(user, &held.Row, policy, now)
	for i := range report.Items {
		report.Items[i].Tells = told[report.Items[i].Seq]
	}
	return report, nil
}

func newUserReport(user string, partition int32, row *inbox.State, items map[uint64]inbox.Item, now time.Time) *Report {
	r := &Report{
		User: user, Partition: partition, Version: row.Version, Cursor: row.Cursor().String(), Base: row.Base,
		Horizon: row.Horizon, Counts: row.Counts(now), Removals: len(row.Removals), Sources: len(row.Watermarks),
		Items: []Item{}, Mutes: []Mute{}, Orphans: []uint64{},
	}
	for _, m := range row.Mutes {
		r.Mutes = append(r.Mutes, Mute{m.Category, m.Version, time.UnixMilli(m.At).UTC()})
	}
	for i := range row.Items {
		e := &row.Items[i]
		item, ok := items[e.Seq]
		shown := Item{
			Seq: e.Seq, Version: e.Version, State: e.Status(now), Audience: row.AudienceOf(e, &item), Category: e.Category,
			Priority: e.Priority.String(), Count: e.Count, Content: ok, Title: item.Title.Any(),
			Shown: e.Shown, Born: e.Born, Muted: e.Muted,
		}
		switch until := time.UnixMilli(e.Until).UTC(); {
		case e.Hidden(now):
			shown.Until = until
		case e.Until != 0:
			shown.WokeAt = until
		}
		delete(items, e.Seq)
		for _, m := range e.Earlier() {
			shown.Members = append(shown.Members, m.Seq)
			if _, ok := items[m.Seq]; !ok {
				shown.Lacking = append(shown.Lacking, m.Seq)
			}
			delete(items, m.Seq)
		}
		r.Items = append(r.Items, shown)
	}
	for seq := range items {
		// The table was read after the row: what is newer is no orphan.
		if seq <= row.Version {
			r.Orphans = append(r.Orphans, seq)
		}
	}
	slices.Sort(r.Orphans)
	return r
}

func (r *Report) hideTexts() {
	for i := range r.Items {
		r.Items[i].Title = ""
	}
	if r.Reach != nil {
		for i := range r.Reach.Endpoints {
			r.Reach.Endpoints[i].Label = ""
		}
	}
}

// Print implements cli.Report.
func (r *Report) Print(w io.Writer) error {
	if r.Version == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing was ever written for this user (partition %d)\n", r.User, r.Partition)
		return err
	}
	t := cli.NewTable(w)
	fmt.Fprintf(t, "user\t%s\npartition\t%d\nversion\t%d\t(cursor %s, base %d, horizon %d)\n", r.User, r.Partition, r.Version, r.Cursor, r.Base, r.Horizon)
	fmt.Fprintf(t, "unread\t%d\nunseen\t%d\nurgent\t%d\n", r.Counts.Unread, r.Counts.Unseen, r.Counts.Urgent)
	fmt.Fprintf(t, "items\t%d\nremovals\t%d\nsources\t%d\norphans\t%d\n\n", len(r.Items), r.Removals, r.Sources, len(r.Orphans))
	for _, m := range r.Mutes {
		fmt.Fprintf(t, "muted\t%s\tsince %s\t(version %d)\n", cli.Printable(m.Category), m.Since.Format(time.RFC3339), m.Version)
	}
	if len(r.Mutes) > 0 {
		fmt.Fprintln(t)
	}
	r.Reach.print(t)
	fmt.Fprintln(t, "SEQ\tVERSION\tSTATE\tTIMES\tAUDIENCE\tPRIORITY\tCATEGORY\tCOUNT\tCONTENT\tTITLE")
	for _, i := range slices.Backward(r.Items) {
		content := "yes"
		switch {
		case !i.Content:
			content = "missing"
		case len(i.Lacking) > 0:
			content = fmt.Sprintf("%d of %d missing", len(i.Lacking), len(i.Members)+1)
		}
		fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", i.Seq, i.Version, i.State, i.times(), cli.Printable(audience(i.Audience)), i.Priority, i.Category, i.Count, content, i.Title)
	}
	r.printTells(t)
	return t.Flush()
}

// times says when the item shows or has come back, and why.
func (i *Item) times() string {
	var parts []string
	switch {
	case !i.Until.IsZero() && i.Born:
		parts = append(parts, "scheduled for "+i.Until.Format(time.RFC3339))
	case !i.Until.IsZero():
		parts = append(parts, "snoozed until "+i.Until.Format(time.RFC3339))
	case !i.WokeAt.IsZero() && i.Shown == 0:
		parts = append(parts, "shows since "+i.WokeAt.Format(time.RFC3339)+", not settled")
	case !i.WokeAt.IsZero():
		parts = append(parts, fmt.Sprintf("shows since %s, settled at version %d", i.WokeAt.Format(time.RFC3339), i.Shown))
	case i.Shown != 0:
		parts = append(parts, fmt.Sprintf("back since version %d", i.Shown))
	}
	if i.Muted {
		parts = append(parts, "muted")
	}
	return cli.OrDash(strings.Join(parts, ", "))
}
