package options

import (
	"fmt"
	"math"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server"
)

// Limits bound what the server takes of one caller and of all.
type Limits struct{ limits server.Limits }

// AddFlags adds the flags to fs.
func (o *Limits) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Limits")()
	fs.Float64Var(&o.limits.WriteRate, "post-rate", server.DefaultWriteRate, fmt.Sprintf("calls a second that the bearers of one token subject may write with in the long run; unless another number is given, %d for services (scope belfry:notify or belfry:admin); 0 for no limit", server.ServiceWriteRate))
	fs.IntVar(&o.limits.WriteBurst, "post-burst", server.DefaultWriteBurst, fmt.Sprintf("how many of them at once; unless another number is given, %d for services", server.ServiceWriteBurst))
	fs.Float64Var(&o.limits.ListRate, "list-rate", server.DefaultListRate, fmt.Sprintf("lists a second that the bearers of one token subject may ask for in the long run, an export counts as ten; unless another number is given, %d for services; 0 for no limit", server.ServiceListRate))
	fs.IntVar(&o.limits.ListBurst, "list-burst", server.DefaultListBurst, fmt.Sprintf("how many of them at once; unless another number is given, %d for services", server.ServiceListBurst))
	fs.IntVar(&o.limits.Connections, "max-connections", server.DefaultConnections, "open connections, besides streams on HTTP/1.1 without TLS")
	fs.IntVar(&o.limits.PerAddress, "max-connections-per-address", server.DefaultPerAddress, "open connections of one address that is not a trusted proxy's")
	fs.IntVar(&o.limits.SilentPerAddress, "max-silent-per-address", server.DefaultSilentPerAddress, "connections of one address that have not sent a request yet")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Limits) Validate() error {
	for name, rate := range map[string]float64{"post-rate": o.limits.WriteRate, "list-rate": o.limits.ListRate} {
		if !(rate >= 0) || math.IsInf(rate, 1) { // NaN is neither
			return cli.FlagErrorf(name, "must be 0 or more, is %g", rate)
		}
	}
	for name, n := range map[string]int{
		"post-burst": o.limits.WriteBurst, "list-burst": o.limits.ListBurst, "max-connections": o.limits.Connections,
		"max-connections-per-address": o.limits.PerAddress, "max-silent-per-address": o.limits.SilentPerAddress,
	} {
		if n < 1 {
			return cli.FlagErrorf(name, "must be at least 1, is %d", n)
		}
	}
	return nil
}
