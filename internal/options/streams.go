package options

import (
	"log/slog"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server/listen"
	"github.com/belfry/belfry/server/stream"
)

// Streams say how many streams there may be, and how they come in.
type Streams struct {
	limits            stream.Limits
	proxies           []string
	certFile, keyFile string

	// trusted is set by validate.
	trusted []netip.Prefix
}

// AddFlags adds the flags to fs.
func (o *Streams) AddFlags(fs *pflag.FlagSet) {
	done := cli.GroupFlags(fs, "Limits")
	fs.IntVar(&o.limits.Total, "max-streams", stream.DefaultTotal, "how many streams to hold open at most; -1 is no limit")
	fs.IntVar(&o.limits.PerUser, "max-streams-per-user", stream.DefaultPerUser, "how many of them one user may have; -1 is no limit")
	fs.IntVar(&o.limits.PerAddress, "max-streams-per-address", -1, "how many of them one client address may have; -1 is no limit")
	done()
	fs.StringSliceVar(&o.proxies, "trusted-proxies", nil, "`networks` whose X-Forwarded-For is believed, such as 10.0.0.0/8")
	fs.StringVar(&o.certFile, "tls-cert", "", "`file` with the certificate to serve HTTPS with, and its chain, as PEM; read again when it changes")
	fs.StringVar(&o.keyFile, "tls-key", "", "`file` with the certificate's key, as PEM")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Streams) Validate() error {
	for flag, n := range map[string]int{
		"max-streams": o.limits.Total, "max-streams-per-user": o.limits.PerUser, "max-streams-per-address": o.limits.PerAddress,
	} {
		if n == 0 || n < -1 {
			return cli.FlagErrorf(flag, "must be at least 1, or -1 for no limit, is %d", n)
		}
	}
	o.trusted = nil
	for _, text := range o.proxies {
		p, err := parseNetwork(text)
		if err != nil {
			return cli.FlagErrorf("trusted-proxies", "%q is not a network: write an address such as 10.1.2.3 or a range such as 10.0.0.0/8", text)
		}
		o.trusted = append(o.trusted, p)
	}
	switch {
	case o.certFile != "" && o.keyFile == "":
		return cli.FlagErrorf("tls-key", "required with --tls-cert")
	case o.keyFile != "" && o.certFile == "":
		return cli.FlagErrorf("tls-cert", "required with --tls-key")
	}
	return nil
}

// certificate returns what to serve HTTPS with, nil for none.
func (o *Streams) certificate(log *slog.Logger) (*listen.Certificate, error) {
	if o.certFile == "" {
		return nil, nil
	}
	c, err := listen.LoadCertificate(o.certFile, o.keyFile, log)
	if err != nil {
		return nil, cli.FlagErrorf("tls-cert", "%w", err)
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
