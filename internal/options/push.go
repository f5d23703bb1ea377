package options

import (
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/links"
)

// sendWebPush is the only word of --send.
const sendWebPush = "webpush"

// Push say whether the process sends to browsers, and with what.
type Push struct {
	VAPID

	send           []string
	publicURL      string
	linkSecretFile string

	linkSecret []byte
}

// AddFlags adds the flags to fs.
func (o *Push) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Push")()
	fs.StringSliceVar(&o.send, "send", nil, "`channels` to send on: webpush, or none if absent")
	o.VAPID.AddFlags(fs)
	fs.StringVar(&o.publicURL, "public-url", "", "`URL` at which users reach this server, such as https://inbox.example.com: links in messages begin with it")
	fs.StringVar(&o.linkSecretFile, "link-secret-file", "", "`file` with the secret that links in messages are signed with, the same on all servers; derived from --jwt-secret-file if absent")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Push) Validate() error {
	for _, name := range o.send {
		if name != sendWebPush {
			return cli.FlagErrorf("send", "must be %s, not %.80q", sendWebPush, name)
		}
	}
	o.VAPID.required = ""
	if o.Sends() {
		o.VAPID.required = "--send webpush"
	}
	if err := o.VAPID.Validate(); err != nil {
		return err
	}
	if o.publicURL != "" {
		u, err := url.Parse(o.publicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return cli.FlagErrorf("public-url", "must be an http or https URL without a query, such as https://inbox.example.com, not %.80q", o.publicURL)
		}
	}
	o.linkSecret = nil
	if o.linkSecretFile == "" {
		return nil
	}
	var err error
	o.linkSecret, err = readSecret("link-secret-file", o.linkSecretFile, &o.warnings)
	return err
}

// Sends reports whether the process sends to browsers.
func (o *Push) Sends() bool { return slices.Contains(o.send, sendWebPush) }

// CheckFeatures refuses to send what the process keeps nobody's endpoints for.
func (o *Push) CheckFeatures(open inbox.Features) error {
	if o.Sends() && !open.Has(inbox.FeatureReach) {
		return cli.FlagErrorf("send", "webpush needs the capability reach: add --features %s", (open | inbox.FeatureReach).String())
	}
	return nil
}

// Config returns what a node pushes with; nil if it has no keys. jwtSecret, which may be
// nil, signs links where --link-secret-file is absent.
func (o *Push) Config(jwtSecret []byte) (*node.Push, error) {
	out := &node.Push{Keys: o.Keys, Subject: o.Subject, Hosts: o.Hosts, PublicURL: strings.TrimRight(o.publicURL, "/"), Send: o.Sends()}
	secret := o.linkSecret
	if secret == nil {
		secret = jwtSecret
	}
	if secret == nil {
		return out, nil
	}
	var err error
	if out.Signer, err = links.NewSigner(secret, out.PublicURL); err != nil {
		return nil, cli.FlagErrorf("link-secret-file", "%w", err)
	}
	return out, nil
}
