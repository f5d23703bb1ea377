package options

import (
	"cmp"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	gomail "github.com/wneessen/go-mail"
	"golang.org/x/text/language"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	sender "github.com/belfry/belfry/senders/mail"
	"github.com/belfry/belfry/senders/mail/letter"
)

// maxConnections bounds --smtp-connections.
const maxConnections = 1000

// Mail say by which server mail is sent, as whom, and what it holds.
type Mail struct {
	servers      []string
	tls          cli.Choice
	caFile       string
	user         string
	passwordFile string
	hello        string
	connections  int
	timeout      time.Duration

	from, replyTo string
	dkimKeyFile   string
	dkimSelector  string
	content       cli.Choice
	language      string
	templates     string

	required string // by which flag or command; "": not at all

	// Results of Validate.
	config  sender.Config
	loaded  *letter.Templates
	letters letter.Config

	warnings
}

// AddFlags adds the flags to fs.
func (o *Mail) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Mail")()
	fs.StringSliceVar(&o.servers, "smtp-server", nil, "`host:port` of the mail server, such as smtp.example.com:587; of several the first that works is used")
	o.tls = cli.NewChoice(string(sender.StartTLS), string(sender.StartTLS), string(sender.Implicit), string(sender.Plain))
	fs.Var(&o.tls, "smtp-tls", "how to encrypt: by STARTTLS, which the server must offer; from the start, as at port 465; or not at all")
	fs.StringVar(&o.caFile, "smtp-ca-file", "", "PEM `file` of the authorities to trust, instead of the system's")
	fs.StringVar(&o.user, "smtp-user", "", "`user` to log in to the mail server as; no login if absent")
	fs.StringVar(&o.passwordFile, "smtp-password-file", "", "`file` with the password to log in to the mail server with")
	fs.StringVar(&o.hello, "smtp-hello", "", "`name` that this machine introduces itself by (EHLO); the domain of --mail-from if absent")
	fs.IntVar(&o.connections, "smtp-connections", sender.DefaultConnections, "connections to the mail server at a time, of this process")
	fs.DurationVar(&o.timeout, "smtp-timeout", sender.DefaultTimeout, "how long the mail server may take for a connection or a command, and ten times as long to take a mail")
	o.addLetterFlags(fs)
	fs.StringVar(&o.dkimKeyFile, "dkim-key-file", "", "PEM `file` with the private key (RSA or Ed25519) to sign mails with (DKIM), where the mail server does not")
	fs.StringVar(&o.dkimSelector, "dkim-selector", "", "`selector` of that key: its public part is at SELECTOR._domainkey.DOMAIN, the domain being that of --mail-from")
}

// Letters are the flags of Mail that say what a mail holds.
type Letters struct{ Mail }

// AddFlags adds the flags to fs.
func (o *Letters) AddFlags(fs *pflag.FlagSet) { o.addLetterFlags(fs) }

// Validate checks what was given and loads the templates; the error is a usage error that
// names the flag.
func (o *Letters) Validate() error {
	o.warnings = nil
	return o.validateLetters()
}

func (o *Mail) addLetterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.from, "mail-from", "", "`address` that mail is from, with a name if you like: 'Inbox <inbox@example.com>'")
	fs.StringVar(&o.replyTo, "mail-reply-to", "", "`address` that answers go to; that of --mail-from if absent")
	o.content = cli.NewChoice(string(letter.Full), string(letter.None), string(letter.Titles), string(letter.Full))
	fs.Var(&o.content, "mail-content", "what a mail has of items: none (how many there are), titles, or full (titles and texts)")
	fs.StringVar(&o.language, "mail-language", "en", "`language` of mails to users who have set none, such as ko")
	fs.StringVar(&o.templates, "mail-templates", "", "`folder` with templates in place of the built-in ones of the same name")
}

// Require has Validate refuse to be without a server; what names who needs it.
func (o *Mail) Require(what string) { o.required = what }

// Validate checks what was given and loads what files hold; the error is a usage error
// that names the flag.
func (o *Mail) Validate() error {
	o.warnings = nil
	if err := o.validateLetters(); err != nil {
		return err
	}
	return o.validateServer()
}

func (o *Mail) validateLetters() (err error) {
	c := &o.config
	*c = sender.Config{}
	switch {
	case o.from != "":
		if c.From, err = address("mail-from", o.from); err != nil {
			return err
		}
		if o.letters.Domain, err = sender.Domain(c.From.Address); err != nil {
			return cli.FlagErrorf("mail-from", "%w", err)
		}
		o.letters.Name = c.From.Name
	case o.required != "":
		return cli.FlagErrorf("mail-from", "required with %s: name the address that mail is from, such as 'Inbox <inbox@example.com>'", o.required)
	}
	if o.replyTo != "" {
		if c.ReplyTo, err = address("mail-reply-to", o.replyTo); err != nil {
			return err
		}
	}
	if _, err := language.Parse(o.language); err != nil {
		return cli.FlagErrorf("mail-language", "must be a language such as en or ko (BCP 47), not %.40q", o.language)
	}
	o.letters.Language, o.letters.Content = o.language, letter.Content(o.content.Value)
	if o.loaded, err = letter.Load(o.templates); err != nil {
		return cli.FlagErrorf("mail-templates", "%w", err)
	}
	return nil
}

// address is one that people or programs write to, with a name or without.
func address(flag, text string) (*mail.Address, error) {
	a, err := mail.ParseAddress(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, cli.FlagErrorf(flag, "must be a mail address such as inbox@example.com or 'Inbox <inbox@example.com>', not %.80q", text)
	}
	return a, nil
}

func (o *Mail) validateServer() (err error) {
	c := &o.config
	if len(o.servers) == 0 {
		if o.required != "" {
			return cli.FlagErrorf("smtp-server", "required with %s: name the mail server, such as smtp.example.com:587", o.required)
		}
		for _, f := range []struct{ name, value string }{
			{"smtp-ca-file", o.caFile}, {"smtp-user", o.user}, {"smtp-password-file", o.passwordFile}, {"dkim-key-file", o.dkimKeyFile},
		} {
			if f.value != "" {
				return cli.FlagErrorf(f.name, "needs --smtp-server as well")
			}
		}
	}
	for _, s := range o.servers {
		if !strings.Contains(s, ":") {
			return cli.FlagErrorf("smtp-server", "%.80q has no port: must be host:port, such as smtp.example.com:587", s)
		}
		if err := cli.CheckHostPort(s, 1); err != nil {
			return cli.FlagErrorf("smtp-server", "%w", err)
		}
	}
	c.Servers, c.TLS, c.Hello, c.Connections, c.Timeout = o.servers, sender.TLS(o.tls.Value), cmp.Or(o.hello, o.letters.Domain), o.connections, o.timeout
	if strings.ContainsFunc(c.Hello, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return cli.FlagErrorf("smtp-hello", "must be a host's name, such as inbox.example.com, not %.80q", c.Hello)
	}
	if err := cli.InRange("smtp-connections", o.connections, 1, maxConnections); err != nil {
		return err
	}
	if o.timeout < time.Second || o.timeout > time.Hour {
		return cli.FlagErrorf("smtp-timeout", "must be at least 1s, and 1h at the most, is %s", o.timeout)
	}
	if c.Roots, err = readRoots("smtp-ca-file", o.caFile); err != nil {
		return err
	}
	if err := o.loadLogin(); err != nil {
		return err
	}
	return o.loadDKIM()
}

func (o *Mail) loadLogin() (err error) {
	if err := cli.Together("smtp-user", o.user, "smtp-password-file", o.passwordFile); err != nil {
		return err
	}
	switch {
	case o.user == "":
		if o.tls.Value == string(sender.Plain) && slices.ContainsFunc(o.servers, func(addr string) bool { return !cli.IsLoopback(addr) }) {
			o.add("--smtp-tls none: whoever is on the way to the mail server reads and changes mails; use starttls")
		}
		return nil
	case o.tls.Value == string(sender.Plain):
		return cli.FlagErrorf("smtp-user", "is never sent unencrypted: leave out --smtp-tls none, or the login")
	}
	o.config.User = o.user
	o.config.Password, err = readPassword("smtp-password-file", o.passwordFile, &o.warnings)
	return err
}

func (o *Mail) loadDKIM() error {
	if err := cli.Together("dkim-key-file", o.dkimKeyFile, "dkim-selector", o.dkimSelector); err != nil || o.dkimKeyFile == "" {
		return err
	}
	pem, err := readSecretFile("dkim-key-file", o.dkimKeyFile, &o.warnings)
	if err != nil {
		return err
	}
	key, err := gomail.PrivKeyFromPEM(pem)
	if err != nil {
		return cli.FlagErrorf("dkim-key-file", "holds no private key of RSA or Ed25519 in PEM: %w", err)
	}
	o.config.DKIM = &sender.DKIM{Selector: o.dkimSelector, Key: key}
	if err := o.config.DKIM.CheckSelector(); err != nil {
		return cli.FlagErrorf("dkim-selector", "%w", err)
	}
	if err := o.config.DKIM.Check(o.letters.Domain); err != nil {
		return cli.FlagErrorf("dkim-key-file", "cannot sign: %w", err)
	}
	return nil
}

// Writer returns who writes letters whose links begin with publicURL and are signed by
// signer, which may be nil. policy may be nil.
func (o *Mail) Writer(publicURL string, signer *links.Signer, policy func() *reach.Policy) *letter.Writer {
	c := o.letters
	c.PublicURL, c.Links, c.Policy = publicURL, signer, policy
	return letter.New(o.loaded, c)
}

// Transport returns what sends the letters of w; the caller closes it in the end.
func (o *Mail) Transport(w *letter.Writer) (*sender.Transport, error) {
	return sender.New(o.config, w)
}

// opener returns what a process mails with.
func (o *Mail) opener(publicURL string, signer *links.Signer) *senders.Opener {
	return &senders.Opener{
		Lacks: o.Writer(publicURL, signer, nil).Lacks(),
		Open: func(policy func() *reach.Policy) (senders.Transport, func(), error) {
			t, err := o.Transport(o.Writer(publicURL, signer, policy))
			if err != nil {
				return nil, nil, err
			}
			return t, t.Close, nil
		},
	}
}
