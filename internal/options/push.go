package options

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/webpush"
)

// The words of --send.
const (
	sendWebPush = "webpush"
	sendMail    = "mail"
)

// Push say whether the process sends to browsers and by mail, and with what.
type Push struct {
	VAPID
	Links Links
	Mail  Mail

	send []string
}

// AddFlags adds the flags to fs.
func (o *Push) AddFlags(fs *pflag.FlagSet) {
	o.addPush(fs)
	o.Mail.AddFlags(fs)
}

func (o *Push) addPush(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Push")()
	fs.StringSliceVar(&o.send, "send", nil, "`channels` to send on: webpush, mail, or both; none if absent")
	o.VAPID.AddFlags(fs)
	o.Links.AddFlags(fs)
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Push) Validate() error {
	for _, name := range o.send {
		if name != sendWebPush && name != sendMail {
			return cli.FlagErrorf("send", "must be %s, %s or both, not %.80q", sendWebPush, sendMail, name)
		}
	}
	o.VAPID.required, o.Mail.required = "", ""
	if o.sends(sendWebPush) {
		o.VAPID.required = "--send webpush"
	}
	if o.sends(sendMail) {
		o.Mail.required = "--send mail"
	}
	return errors.Join(o.VAPID.Validate(), o.Links.Validate(), o.Mail.Validate())
}

// Warnings are those of the last Validate.
func (o *Push) Warnings() []string {
	return slices.Concat(o.VAPID.Warnings(), o.Links.Warnings(), o.Mail.Warnings())
}

// Idle are the ways to send for which a policy has no channel: there is nothing to send.
func (o *Push) Idle(policy *reach.Policy) []string {
	kinds := map[string]inbox.EndpointKind{sendWebPush: inbox.EndpointWebPush, sendMail: inbox.EndpointMail}
	return slices.DeleteFunc(slices.Clone(o.send), func(name string) bool { return policy.Tells(kinds[name]) })
}

func (o *Push) sends(name string) bool { return slices.Contains(o.send, name) }

// CheckFeatures refuses to send what the process keeps nobody's endpoints for.
func (o *Push) CheckFeatures(open inbox.Features) error {
	if len(o.send) > 0 && !open.Has(inbox.FeatureReach) {
		return cli.FlagErrorf("send", "%s needs the capability reach: add --features %s", o.send[0], (open | inbox.FeatureReach).String())
	}
	return nil
}

// Config returns what a process pushes and mails with; mail is nil if it does not mail.
// jwtSecret, which may be nil, signs links where --link-secret-file is absent.
func (o *Push) Config(jwtSecret []byte) (web *push.Settings, mail *senders.Opener, err error) {
	signer, err := o.Links.Signer(jwtSecret)
	if err != nil {
		return nil, nil, err
	}
	if o.sends(sendMail) {
		mail = o.Mail.opener(o.Links.PublicURL(), signer)
	}
	return &push.Settings{
		Config: webpush.Config{Keys: o.Keys, Subject: o.Subject, Hosts: o.Hosts}, Signer: signer, PublicURL: o.Links.PublicURL(), Send: o.sends(sendWebPush),
	}, mail, nil
}
