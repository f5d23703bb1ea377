package deadletters

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func deadLettersListCommand(p *cli.Program) *cobra.Command {
	var (
		kafka   options.Kafka
		which   = letterOptions{limit: 50}
		asJSON  bool
		pending bool
		cursor  string
	)
	c := options.Command(p, &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the newest first",
		Long: `List dead letters, the newest first. It joins no consumer group and changes
nothing. What the records hold is not shown; errors may quote a few words of it.

With more than --limit of them the last line names a --cursor for the next ones.`,
		Example: `  belfry dead-letters list --brokers 127.0.0.1:9092
  belfry dead-letters list --brokers 127.0.0.1:9092 --topic orders --reason rule --since 24h
  belfry dead-letters list --brokers 127.0.0.1:9092 --pending --limit 0 --json`,
	}, []options.Group{&kafka, &which}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		before, err := deadletter.ParseCursor(cursor)
		if err != nil {
			return cli.FlagErrorf("cursor", "%w", cli.Problem(err))
		}
		query := deadletter.Query{Filter: which.filter(time.Now()), Limit: which.limit, Before: before}
		query.Filter.Pending = pending
		letters, err := openLetters(&kafka, log)
		if err != nil {
			return err
		}
		if asJSON {
			encoder := json.NewEncoder(p.Stdout)
			_, err := letters.Newest(cmd.Context(), query, func(l deadletter.Letter) error { return encoder.Encode(newLetterReport(&l)) })
			return err
		}
		t := cli.NewTable(p.Stdout)
		n := 0
		next, err := letters.Newest(cmd.Context(), query, func(l deadletter.Letter) error {
			if n == 0 {
				fmt.Fprintln(t, "ID\tDEAD AT\tREASON\tRECORD\tRULE\tATTEMPT\tSTATE\tERROR")
			}
			n++
			fmt.Fprintf(t, "%s\t%s\t%s\t%s/%d/%d\t%s\t%d\t%s\t%s\n", l.ID, l.DeadAt.UTC().Format(time.RFC3339), cli.Printable(string(l.Reason)),
				cli.Printable(l.Topic), l.Partition, l.Offset, cli.OrDash(cli.Printable(l.Rule)), l.Attempt, letterState(&l), cli.Printable(shortened(l.Error, 100)))
			// A table of many columns is laid out a screenful at a time.
			if n%1000 == 0 {
				return t.Flush()
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("print letters: %w", err)
		}
		switch {
		case n == 0:
			_, err = fmt.Fprintln(p.Stdout, "no dead letters")
		case next != nil:
			_, err = fmt.Fprintf(p.Stdout, "\nthere are more: --cursor %s\n", next)
		}
		return err
	})
	c.Flags().BoolVar(&pending, "pending", false, "only those that are pending: not replayed yet")
	c.Flags().StringVar(&cursor, "cursor", "", "where a list before this one ended")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, a line each")
	return c
}

// letterState is what became of a letter, in a word.
func letterState(l *deadletter.Letter) string {
	switch {
	case l.Replayed:
		return "replayed"
	case l.Cut():
		return "cut"
	}
	return "pending"
}

// Letter is a letter as JSON.
type Letter struct {
	ID        string    `json:"id"`
	Reason    string    `json:"reason"`
	Error     string    `json:"error"`
	Rule      string    `json:"rule,omitempty"`
	Field     string    `json:"field,omitempty"`
	Group     string    `json:"group"`
	Topic     string    `json:"topic"`
	TopicID   string    `json:"topic_id,omitempty"` // hex
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Timestamp time.Time `json:"timestamp"`
	DeadAt    time.Time `json:"dead_at"`
	Attempt   int       `json:"attempt"`
	Version   string    `json:"version,omitempty"`
	Replayed  bool      `json:"replayed"`
	Cut       bool      `json:"cut"`
	Stack     string    `json:"stack,omitempty"`

	// Of show alone; absent in lists.
	Key     *contentReport `json:"key,omitempty"`
	Value   *contentReport `json:"value,omitempty"`
	Headers []headerReport `json:"headers,omitempty"`
}

func newLetterReport(l *deadletter.Letter) Letter {
	r := Letter{
		ID: l.ID.String(), Reason: string(l.Reason), Error: l.Error, Rule: l.Rule, Field: l.Field, Group: l.Group,
		Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Timestamp: l.Timestamp.UTC(), DeadAt: l.DeadAt.UTC(),
		Attempt: l.Attempt, Version: l.Version, Replayed: l.Replayed, Cut: l.Cut(), Stack: l.Stack,
	}
	if l.TopicID != [16]byte{} {
		r.TopicID = fmt.Sprintf("%x", l.TopicID)
	}
	return r
}
