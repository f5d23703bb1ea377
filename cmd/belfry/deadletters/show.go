package deadletters

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
)

func deadLettersShowCommand(p *cli.Program) *cobra.Command {
	var (
		kafka    options.Kafka
		asJSON   bool
		contents bool
	)
	c := options.Command(p, &cobra.Command{
		Use:   "show ID",
		Short: "Show all that one dead letter says",
		Long: `Show all that one dead letter says, by the id that a list shows.

What the record holds is people's own: key, value and the values of its headers
are shown with --contents only; otherwise how long they are. The value of a
record that adds an endpoint, and of a request, is never shown.`,
		Example: `  belfry dead-letters show 3/120 --brokers 127.0.0.1:9092
  belfry dead-letters show 3/120 --brokers 127.0.0.1:9092 --contents`,
		Args: cobra.MatchAll(cli.OneArgument("letter", "ID --brokers HOST:PORT"), someLetters),
	}, []options.Group{&kafka}, func(cmd *cobra.Command, args []string, log *slog.Logger) error {
		ids, err := letterIDs(args)
		if err != nil {
			return err
		}
		letters, err := openLetters(&kafka, log)
		if err != nil {
			return err
		}
		letter, err := letters.Letter(cmd.Context(), ids[0])
		if err != nil {
			return err
		}
		node.HideEndpoint(&letter, belfry.Prefix(kafka.Prefix))
		if asJSON {
			return json.NewEncoder(p.Stdout).Encode(newWholeLetterReport(&letter, contents))
		}
		return printLetter(p.Stdout, &letter, contents)
	})
	c.Flags().BoolVar(&contents, "contents", false, "show key, value and headers of the record")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// contentReport is a part of a record: its length, and what it is if that is to
// be shown. Bytes that are not UTF-8 are in base64.
type contentReport struct {
	Null   bool    `json:"null,omitempty"`
	Bytes  int     `json:"bytes"`
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
}

type headerReport struct {
	Name string `json:"name"`
	contentReport
}

func newContentReport(b []byte, contents bool) contentReport {
	r := contentReport{Null: b == nil, Bytes: len(b)}
	switch {
	case !contents || b == nil:
	case utf8.Valid(b):
		r.Text = new(string(b))
	default:
		r.Base64 = b
	}
	return r
}

func newWholeLetterReport(l *deadletter.Letter, contents bool) Letter {
	r := newLetterReport(l)
	key, value := newContentReport(l.Key, contents), newContentReport(l.Value, contents)
	r.Key, r.Value = &key, &value
	for _, h := range l.Headers {
		r.Headers = append(r.Headers, headerReport{h.Key, newContentReport(h.Value, contents)})
	}
	return r
}

func printLetter(w io.Writer, l *deadletter.Letter, contents bool) error {
	t := cli.NewTable(w)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, cli.Printable(fmt.Sprintf(format, args...)))
	}
	some := func(name, value string) {
		if value != "" {
			line(name, "%s", value)
		}
	}
	line("letter", "%s (%s)", l.ID, letterState(l))
	line("reason", "%s", l.Reason)
	line("error", "%s", l.Error)
	some("rule", l.Rule)
	some("field", l.Field)
	line("group", "%s", l.Group)
	line("record", "%s/%d at offset %d, topic ID %x", l.Topic, l.Partition, l.Offset, l.TopicID)
	line("timestamp", "%s", l.Timestamp.UTC().Format(time.RFC3339Nano))
	line("dead at", "%s", l.DeadAt.UTC().Format(time.RFC3339Nano))
	line("attempt", "%d", l.Attempt)
	some("version", l.Version)
	if l.Length > 0 {
		line("cut", "the value had %d bytes", l.Length)
	}
	if l.HeaderCount > 0 {
		line("cut", "it had %d headers", l.HeaderCount)
	}
	if l.KeyLength > 0 {
		line("cut", "the key had %d bytes", l.KeyLength)
	}
	for _, h := range l.Headers {
		line("header", "%s: %s", h.Key, brief(h.Value, contents))
	}
	line("key", "%s", brief(l.Key, contents))
	if !contents || len(l.Value) == 0 {
		line("value", "%s", brief(l.Value, contents))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print letter: %w", err)
	}
	if l.Stack != "" {
		fmt.Fprintf(w, "\n%s\n", cli.PrintableLines(l.Stack))
	}
	if contents && len(l.Value) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.TrimRight(cli.Readable(l.Value), "\n"))
	}
	return nil
}

// brief is a part of a record on one line.
func brief(b []byte, contents bool) string {
	switch {
	case b == nil:
		return "null"
	case !contents:
		return fmt.Sprintf("%d bytes", len(b))
	case utf8.Valid(b):
		return fmt.Sprintf("%q", b)
	}
	return "0x" + hex.EncodeToString(b)
}

// shortened is a text of that many characters at the most.
func shortened(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
