package mail

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/mail/letter"
)

func previewCommand(p *cli.Program) *cobra.Command {
	var (
		kafka    options.Kafka
		channels options.Channels
		letters  options.Letters
		links    options.Links
		html     bool
	)
	c := options.Command(p, &cobra.Command{
		Use:   "preview USER",
		Short: "Show the mail that a user gets next, when and why",
		Long: `Show the mail that a user gets next if nothing comes and nothing is read before:
when it is due, why each of its items is in it and the others are not, and what
it says. It sends nothing. Without a mail it says what each item waits for.`,
		Example: `  belfry mail preview user-7 --brokers kafka:9092 --channels channels.yaml
  belfry mail preview user-7 --brokers kafka:9092 --channels channels.yaml --html > mail.html`,
		Args: cli.OneUser("USER --brokers HOST:PORT --channels FILE"),
	}, []options.Group{&kafka, &channels, &letters, &links}, func(cmd *cobra.Command, args []string, log *slog.Logger) error {
		if channels.Path == "" {
			return cli.FlagErrorf("channels", "required: it says when users are mailed to")
		}
		policy, err := channels.Load()
		if err != nil {
			return channels.Refusal(err)
		}
		signer, err := links.Signer(nil)
		if err != nil {
			return err
		}
		if signer == nil && links.PublicURL() != "" {
			log.Warn("the mail is shown without its links to leave: give --link-secret-file, or a file with the --jwt-secret-file of the servers if they have none")
		}
		held, err := userdata.Read(cmd.Context(), kafka.Config("", log), args[0])
		if err != nil {
			return err
		}
		next := look(args[0], held, policy, time.Now())
		writer := letters.Writer(links.PublicURL(), signer, func() *reach.Policy { return policy })
		return next.print(p.Stdout, writer, html)
	})
	c.Flags().BoolVar(&html, "html", false, "print the HTML of the mail alone")
	return c
}

// next is the mail that a user gets next on one of the channels of mail.
type next struct {
	user    string
	mailed  bool // there is a channel of mail
	held    *userdata.Data
	why     []reach.Reason // of all items, on channels of mail
	channel string         // "" without a mail
	at      time.Time      // when it is due
	entries []*inbox.Entry // the newest first
}

// look finds what is mailed next of what a user has at now: what is due first, on
// whichever channel, and what else is due there by then.
func look(user string, held *userdata.Data, policy *reach.Policy, now time.Time) *next {
	n := &next{user: user, held: held}
	ofMail := func(channel string) bool {
		c, ok := policy.Channel(channel)
		return ok && c.Kind == inbox.EndpointMail
	}
	n.mailed = policy.Tells(inbox.EndpointMail)
	n.why = slices.DeleteFunc(reach.Why(user, &held.Row, policy, now), func(r reach.Reason) bool { return !ofMail(r.Channel) })
	pending := slices.DeleteFunc(reach.Due(user, &held.Row, policy, now), func(p reach.Pending) bool { return p.Channel.Kind != inbox.EndpointMail })
	first, ok := reach.First(pending)
	if !ok {
		return n
	}
	n.channel, n.at = first.Channel.Name, first.At
	if n.at.Before(now) {
		n.at = now
	}
	for _, p := range pending {
		if e, ok := held.Row.Entry(p.Seq); ok && p.Channel == first.Channel && !p.At.After(n.at) {
			n.entries = append(n.entries, e)
		}
	}
	slices.SortFunc(n.entries, func(a, b *inbox.Entry) int { return b.Compare(a) })
	return n
}

func (n *next) print(w io.Writer, writer *letter.Writer, html bool) error {
	var l *letter.Letter
	if len(n.entries) > 0 {
		m := &senders.Message{
			User: n.user, Channel: n.channel, Decision: n.held.Row.Version, Row: &n.held.Row, Prefs: reach.ReadPrefs(&n.held.Row),
			Entries: n.entries, Now: n.at,
		}
		for _, e := range n.entries[:min(len(n.entries), letter.Newest)] {
			item, ok := n.held.Items[e.Seq]
			if !ok {
				return fmt.Errorf("the content of item %d is missing: belfry inspect --audit says more", e.Seq)
			}
			m.Items = append(m.Items, item)
		}
		var err error
		if l, err = writer.Write(m); err != nil {
			return fmt.Errorf("write the mail: %w", err)
		}
	}
	if html {
		if l == nil {
			return errors.New("nothing is to be mailed; without --html this command says why")
		}
		_, err := io.WriteString(w, l.HTML)
		return err
	}
	var b strings.Builder
	n.explain(&b)
	if l != nil {
		fmt.Fprintf(&b, "\nSubject: %s\n", l.Subject)
		for _, h := range l.Headers {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
		}
		fmt.Fprintf(&b, "\n%s", l.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// explain says what is mailed, to how many, and what became of each item.
func (n *next) explain(b *strings.Builder) {
	to := "no address"
	for _, a := range n.held.EndpointsOf(inbox.EndpointMail) { // one at the most
		to = "an address at " + a.Target[strings.LastIndexByte(a.Target, '@')+1:]
	}
	if n.channel == "" {
		fmt.Fprintf(b, "%s gets no mail: to %s, %s in the inbox\n", n.user, to, cli.Counted(len(n.held.Row.Items), "item"))
	} else {
		fmt.Fprintf(b, "%s gets a mail at %s: to %s, channel %s, %s\n", n.user, n.at.UTC().Format(time.RFC3339), to, n.channel, cli.Counted(len(n.entries), "item"))
	}
	if !n.mailed {
		b.WriteString("  no channel of --channels is of kind mail\n")
	}
	slices.SortStableFunc(n.why, func(a, b reach.Reason) int { return cmp.Compare(b.Seq, a.Seq) })
	for _, r := range n.why {
		fmt.Fprintf(b, "  item %d, %s: %s\n", r.Seq, r.Channel, r.Text)
	}
}
