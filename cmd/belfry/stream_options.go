package main

import (
	"log/slog"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/stream"
)

// streamOptions say how many streams there may be, and how they come in.
type streamOptions struct {
	limits            stream.Limits
	proxies           []string
	certFile, keyFile string

	// trusted is set by validate.
	trusted []netip.Prefix
}

func (o *streamOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.limits.Total, "max-streams", stream.DefaultTotal, "how many streams to hold open at most; -1 is no limit")
	fs.IntVar(&o.limits.PerUser, "max-streams-per-user", stream.DefaultPerUser, "how many of them one user may have; -1 is no limit")
	fs.IntVar(&o.limits.PerAddress, "max-streams-per-address", -1, "how many of them one client address may have; -1 is no limit")
	fs.StringSliceVar(&o.proxies, "trusted-proxies", nil, "`networks` whose X-Forwarded-For is believed, such as 10.0.0.0/8")
	fs.StringVar(&o.certFile, "tls-cert", "", "`file` with the certificate to serve HTTPS with, and its chain, as PEM; read again when it changes")
	fs.StringVar(&o.keyFile, "tls-key", "", "`file` with the certificate's key, as PEM")
}

func (o *streamOptions) validate() error {
	for flag, n := range map[string]int{
		"max-streams": o.limits.Total, "max-streams-per-user": o.limits.PerUser, "max-streams-per-address": o.limits.PerAddress,
	} {
		if n == 0 || n < -1 {
			return flagErrorf(flag, "must be at least 1, or -1 for no limit, is %d", n)
		}
	}
	o.trusted = nil
	for _, text := range o.proxies {
		p, err := parseNetwork(text)
		if err != nil {
			return flagErrorf("trusted-proxies", "%q is no network: write an address such as 10.1.2.3 or a range such as 10.0.0.0/8", text)
		}
		o.trusted = append(o.trusted, p)
	}
	switch {
	case o.certFile != "" && o.keyFile == "":
		return flagErrorf("tls-key", "required with --tls-cert")
	case o.keyFile != "" && o.certFile == "":
		return flagErrorf("tls-cert", "required with --tls-key")
	}
	return nil
}

// certificate returns what to serve HTTPS with, nil for none.
func (o *streamOptions) certificate(log *slog.Logger) (*server.Certificate, error) {
	if o.certFile == "" {
		return nil, nil
	}
	c, err := server.LoadCertificate(o.certFile, o.keyFile, log)
	if err != nil {
		return nil, flagErrorf("tls-cert", "%w", err)
	}
	return c, nil
}

// parseNetwork reads a range, or an address as the range of it alone.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return p.Masked(), nil
}
