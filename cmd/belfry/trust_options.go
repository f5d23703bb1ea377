package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

// maxLeeway is the most that --jwt-leeway may be: tokens are good for so much
// longer.
const maxLeeway = 5 * time.Minute

// trustOptions say what else the server believes besides a secret of its own.
type trustOptions struct {
	jwksURL          string
	leeway           time.Duration
	ticketSecretFile string
	origins          []string

	// ticketSecret is set by validate, if there is one.
	ticketSecret []byte
}

func (o *trustOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.jwksURL, "jwks-url", "", "`URL` of the key set that tokens are signed with (RSA, ECDSA, Ed25519), instead of or besides --jwt-secret-file")
	fs.DurationVar(&o.leeway, "jwt-leeway", auth.DefaultLeeway, "how far the clock of who makes tokens may differ")
	fs.StringVar(&o.ticketSecretFile, "ticket-secret-file", "", "`file` with the secret of stream tickets, the same on all servers; derived from --jwt-secret-file if absent")
	fs.StringSliceVar(&o.origins, "cors-origins", nil, "`origins` whose pages may call the API, such as https://intranet.example")
}

func (o *trustOptions) validate() error {
	if o.leeway < 0 || o.leeway > maxLeeway {
		return flagErrorf("jwt-leeway", "must be 0s to %s, is %s", maxLeeway, o.leeway)
	}
	for _, origin := range o.origins {
		if err := server.CheckOrigin(origin); err != nil {
			return flagErrorf("cors-origins", "%w", err)
		}
	}
	if o.jwksURL != "" {
		// The real ones are made with a logger; this is for the URL.
		if _, err := auth.NewKeys(auth.KeysConfig{URL: o.jwksURL}); err != nil {
			return flagErrorf("jwks-url", "%w", err)
		}
	}
	if o.ticketSecretFile == "" {
		return nil
	}
	var err error
	o.ticketSecret, err = readSecret("ticket-secret-file", o.ticketSecretFile)
	return err
}
