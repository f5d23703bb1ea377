package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/server"
)

// pollOptions say how often clients may poll, and how often their tokens are
// checked meanwhile.
type pollOptions struct {
	interval   time.Duration
	tokenTrust time.Duration
}

func (o *pollOptions) addFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.interval, "poll-interval", server.DefaultPollInterval, "how long clients are told to wait between polls of a badge, longer under load; one user may ask 20 times as often")
	fs.DurationVar(&o.tokenTrust, "token-trust", server.DefaultTokenTrust, "how long a token that was found good is believed without checking its signature again, never beyond its end; 0 checks each time")
}

func (o *pollOptions) validate() error {
	if o.interval < time.Millisecond {
		return flagErrorf("poll-interval", "must be at least 1ms, is %s", o.interval)
	}
	if o.tokenTrust < 0 {
		return flagErrorf("token-trust", "must not be negative, is %s", o.tokenTrust)
	}
	return nil
}

// trust is what the server takes for tokenTrust, whose zero is the default there.
func (o *pollOptions) trust() time.Duration {
	if o.tokenTrust == 0 {
		return -1
	}
	return o.tokenTrust
}
