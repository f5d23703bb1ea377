package options

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

// maxLeeway is the most that --jwt-leeway may be: tokens are good for so much
// longer.
const maxLeeway = 5 * time.Minute

// Trust say what else the server believes besides a secret of its own.
type Trust struct {
	JWKSURL          string
	leeway           time.Duration
	ticketSecretFile string
	origins          []string
	traceparent      bool

	// ticketSecret is set by validate, if there is one.
	ticketSecret []byte

	warnings
}

// AddFlags adds the flags to fs.
func (o *Trust) AddFlags(fs *pflag.FlagSet) {
	done := cli.GroupFlags(fs, "Tokens")
	fs.StringVar(&o.JWKSURL, "jwks-url", "", "`URL` of the key set that tokens are signed with (RSA, ECDSA, Ed25519), instead of or besides --jwt-secret-file")
	fs.DurationVar(&o.leeway, "jwt-leeway", auth.DefaultLeeway, "how far the clock of the issuer of tokens may differ")
	fs.StringVar(&o.ticketSecretFile, "ticket-secret-file", "", "`file` with the secret of stream tickets, the same on all servers; derived from --jwt-secret-file if absent")
	done()
	fs.BoolVar(&o.traceparent, "trust-traceparent", false, "have calls belong to the traces that their callers name (traceparent), and be recorded where these are; otherwise they are linked to them")
	fs.StringSliceVar(&o.origins, "cors-origins", nil, "`origins` whose pages may call the API, such as https://intranet.example")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Trust) Validate() error {
	if err := cli.InRange("jwt-leeway", o.leeway, 0, maxLeeway); err != nil {
		return err
	}
	for _, origin := range o.origins {
		if err := server.CheckOrigin(origin); err != nil {
			return cli.FlagErrorf("cors-origins", "%w", err)
		}
	}
	if o.JWKSURL != "" {
		// The real ones are made with a logger; this is for the URL.
		if _, err := auth.NewKeys(auth.KeysConfig{URL: o.JWKSURL}); err != nil {
			return cli.FlagErrorf("jwks-url", "%w", err)
		}
	}
	if o.ticketSecretFile == "" {
		return nil
	}
	var err error
	o.warnings = nil
	o.ticketSecret, err = readSecret("ticket-secret-file", o.ticketSecretFile, &o.warnings)
	return err
}
