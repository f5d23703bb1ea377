package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/mail"
)

// Command returns the command mail.
func Command(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:     "mail",
		GroupID: cli.GroupOperate,
		Short:   "Send a test mail, show a user's next one, or check templates",
		Long: `Try mail: what the mail server says to one, what a user's next one holds, and
whether templates of your own are right.`,
	}
	c.AddCommand(testCommand(p), previewCommand(p), checkCommand(p))
	return c
}

func testCommand(p *cli.Program) *cobra.Command {
	var (
		server options.Mail
		title  string
	)
	server.Require("belfry mail test")
	c := options.Command(p, &cobra.Command{
		Use:   "test ADDRESS",
		Short: "Send a test mail to an address",
		Long: `Send one mail with the settings that belfry server has, at once, and print what
the mail server answered. It reads and changes nothing of Kafka. It exits with 1
if the mail was not accepted.`,
		Example: `  belfry mail test kim@example.com --smtp-server smtp.example.com:587 --smtp-user belfry --smtp-password-file smtp.secret \
      --mail-from 'Inbox <inbox@example.com>'`,
		Args: cli.OneArgument("address", "ADDRESS --smtp-server HOST:PORT --mail-from ADDRESS"),
	}, []options.Group{&server}, func(cmd *cobra.Command, args []string, log *slog.Logger) error {
		address, err := door.ParseAddress(inbox.EndpointMail, args[0])
		if err != nil {
			return cli.Usagef("address %.80q: %w", args[0], cli.Problem(err))
		}
		for _, warning := range server.Warnings() {
			log.Warn("a setting that an attacker would like", "setting", warning)
		}
		transport, err := server.Transport(server.Writer("", nil, nil))
		if err != nil {
			return err
		}
		defer transport.Close()
		began := time.Now()
		said := send(cmd.Context(), transport, &inbox.Address{Kind: inbox.EndpointMail, Target: address}, title, began)
		fmt.Fprintf(p.Stdout, "%s: %s%s after %.2fs\n", transport.Server(), said.Result, detail(said.Detail), time.Since(began).Seconds())
		if said.Result != senders.Accepted {
			return errors.New("the mail was not accepted; docs/mail.md says what each answer means")
		}
		return nil
	})
	c.Flags().StringVar(&title, "title", "This is a test", "title of the one item in the mail")
	return c
}

func detail(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// send mails one item that is nobody's.
func send(ctx context.Context, transport *mail.Transport, to *inbox.Address, title string, now time.Time) senders.Answer {
	ctx, cancel := context.WithTimeout(ctx, transport.Patience())
	defer cancel()
	// Two tests are two mails: the number, which no row has, makes the id.
	test := &inbox.Entry{Seq: uint64(now.UnixNano()), Priority: belfry.PriorityNormal}
	return transport.Send(ctx, &senders.Message{
		User: "test", Channel: "test", Row: &inbox.State{}, Entries: []*inbox.Entry{test}, Now: now,
		Items: []inbox.Item{{Seq: test.Seq, Notification: belfry.Notification{Title: belfry.PlainText(title), Time: now}}},
	}, to)
}
