package main

import (
	"math"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/server"
)

// limitOptions bound what the server takes of one caller and of all.
type limitOptions struct {
	postRate         float64
	postBurst        int
	connections      int
	silentPerAddress int
}

func (o *limitOptions) addFlags(fs *pflag.FlagSet) {
	fs.Float64Var(&o.postRate, "post-rate", server.DefaultPostRate, "calls a second that the bearers of one token subject may write with in the long run; 0 for no limit")
	fs.IntVar(&o.postBurst, "post-burst", server.DefaultPostBurst, "how many of them at once")
	fs.IntVar(&o.connections, "max-connections", server.DefaultConnections, "open connections, besides streams on HTTP/1.1 without TLS")
	fs.IntVar(&o.silentPerAddress, "max-silent-per-address", server.DefaultSilentPerAddress, "connections of one address that have not sent a request yet")
}

func (o *limitOptions) validate() error {
	if !(o.postRate >= 0) || math.IsInf(o.postRate, 1) { // NaN is neither
		return flagErrorf("post-rate", "must be 0 or more, is %g", o.postRate)
	}
	for name, n := range map[string]int{
		"post-burst": o.postBurst, "max-connections": o.connections, "max-silent-per-address": o.silentPerAddress,
	} {
		if n < 1 {
			return flagErrorf(name, "must be at least 1, is %d", n)
		}
	}
	return nil
}

// limits returns the options as the server takes them.
func (o *limitOptions) limits() server.Limits {
	l := server.Limits{
		PostRate: o.postRate, PostBurst: o.postBurst,
		Connections: o.connections, SilentPerAddress: o.silentPerAddress,
	}
	if l.PostRate == 0 {
		l.PostRate = -1
	}
	return l
}
