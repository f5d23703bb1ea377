package options

import (
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/links"
)

// Links say what links in messages begin with, and who signs those that act.
type Links struct {
	publicURL  string
	secretFile string

	secret []byte

	warnings
}

// AddFlags adds the flags to fs.
func (o *Links) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.publicURL, "public-url", "", "`URL` at which users reach this server, such as https://inbox.example.com: links in messages begin with it")
	fs.StringVar(&o.secretFile, "link-secret-file", "", "`file` with the secret that links in messages are signed with, the same on all servers; derived from --jwt-secret-file if absent")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Links) Validate() (err error) {
	o.warnings, o.secret = nil, nil
	if o.publicURL != "" {
		u, err := url.Parse(o.publicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return cli.FlagErrorf("public-url", "must be an http or https URL without a query, such as https://inbox.example.com, not %.80q", o.publicURL)
		}
	}
	if o.secretFile != "" {
		o.secret, err = readSecret("link-secret-file", o.secretFile, &o.warnings)
	}
	return err
}

// PublicURL is the URL without a slash at its end; "" for none.
func (o *Links) PublicURL() string { return strings.TrimRight(o.publicURL, "/") }

// Signer returns who signs links, nil for nobody. jwtSecret, which may be nil, is used
// where --link-secret-file is absent.
func (o *Links) Signer(jwtSecret []byte) (*links.Signer, error) {
	secret := o.secret
	if secret == nil {
		secret = jwtSecret
	}
	if secret == nil {
		return nil, nil
	}
	signer, err := links.NewSigner(secret, o.PublicURL())
	if err != nil {
		return nil, cli.FlagErrorf("link-secret-file", "%w", err)
	}
	return signer, nil
}
