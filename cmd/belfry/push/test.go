package push

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/webpush"
)

// answerPatience is how long an answer of a push service is waited for.
const answerPatience = 30 * time.Second

// Command returns the command push.
func Command(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:     "push",
		GroupID: cli.GroupOperate,
		Short:   "Send a test message to a user's browsers",
		Long:    `Try Web Push: see what push services say to a message for a user.`,
	}
	c.AddCommand(testCommand(p))
	return c
}

func testCommand(p *cli.Program) *cobra.Command {
	var (
		kafka  options.Kafka
		vapid  options.VAPID
		title  string
		asJSON bool
	)
	vapid.Require("belfry push test")
	c := options.Command(p, &cobra.Command{
		Use:   "test USER",
		Short: "Send a test message to a user's browsers",
		Long: `Send a test message to each browser that a user has subscribed, at once and
whatever the preferences say, and print what its push service answered. It
changes nothing: a subscription that is gone is removed when something is sent
to it in earnest. It exits with 1 if no browser was reached.`,
		Example: `  belfry push test user-7 --brokers kafka:9092 --vapid-key-file vapid.pem --vapid-subject mailto:ops@example.com`,
		Args:    cli.OneUser("USER --brokers HOST:PORT"),
	}, []options.Group{&kafka, &vapid}, func(cmd *cobra.Command, args []string, log *slog.Logger) error {
		held, err := userdata.Read(cmd.Context(), kafka.Config("", log), args[0])
		if err != nil {
			return err
		}
		addresses := held.EndpointsOf(inbox.EndpointWebPush)
		if len(addresses) == 0 {
			return fmt.Errorf("user %s has no browser subscribed", args[0])
		}
		client, err := webpush.NewClient(webpush.Config{Keys: vapid.Keys, Subject: vapid.Subject, Hosts: vapid.Hosts})
		if err != nil {
			return err
		}
		defer client.Close()
		answers := sendAll(cmd.Context(), push.New(client, vapid.Hosts, nil, ""), args[0], &held.Row, addresses, title)
		if err := printAnswers(p.Stdout, answers, asJSON); err != nil {
			return fmt.Errorf("print answers: %w", err)
		}
		if !slices.ContainsFunc(answers, func(a answered) bool { return a.Answer == senders.Accepted }) {
			return fmt.Errorf("none of %d browsers was reached", len(answers))
		}
		return nil
	})
	c.Flags().StringVar(&title, "title", "This is a test", "what to show")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one browser a line")
	return c
}

// answered is what became of the message at one browser. It has nothing of the endpoint
// but who is asked.
type answered struct {
	Endpoint uint64         `json:"endpoint"`
	Label    string         `json:"label,omitempty"`
	Service  string         `json:"service"`
	Answer   senders.Result `json:"answer"`
	Detail   string         `json:"detail,omitempty"`
	Seconds  float64        `json:"seconds"`
}

func sendAll(ctx context.Context, transport *push.Transport, user string, row *inbox.State, to []inbox.Address, title string) []answered {
	var out []answered
	for i := range to {
		now := time.Now()
		// No item of the user's: its tag is of none.
		test := &inbox.Entry{Seq: row.Version + 1, Priority: belfry.PriorityHigh, ExpiresAt: now.Add(time.Hour).UnixMilli()}
		m := &senders.Message{
			User: user, Row: row, Entries: []*inbox.Entry{test}, Now: now,
			Items: []inbox.Item{{Notification: belfry.Notification{Title: belfry.PlainText(title), Time: now}}},
		}
		ctx, cancel := context.WithTimeout(ctx, answerPatience)
		said := transport.Send(ctx, m, &to[i])
		cancel()
		_, service := transport.Names(&to[i])
		out = append(out, answered{to[i].Seq, to[i].Label, service, said.Result, said.Detail, time.Since(now).Seconds()})
	}
	return out
}

func printAnswers(w io.Writer, answers []answered, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		for _, a := range answers {
			if err := enc.Encode(a); err != nil {
				return err
			}
		}
		return nil
	}
	t := cli.NewTable(w)
	fmt.Fprintln(t, "ENDPOINT\tDEVICE\tSERVICE\tANSWER\tDETAIL\tTOOK")
	for _, a := range answers {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%.2fs\n", a.Endpoint, cli.OrDash(cli.Printable(a.Label)), a.Service, a.Answer, cli.OrDash(a.Detail), a.Seconds)
	}
	return t.Flush()
}
