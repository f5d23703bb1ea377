package options

import (
	"regexp"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
)

// Lag say which groups besides our own are watched.
type Lag struct {
	groups string

	// Pattern is set by validate; nil means none.
	Pattern *regexp.Regexp
}

// AddFlags adds the flags to fs.
func (o *Lag) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Process")()
	fs.StringVar(&o.groups, "lag-groups", "", "`pattern` (RE2) of the whole names of further consumer groups to show the lag of; \".*\" is all")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Lag) Validate() (err error) {
	o.Pattern, err = WholeName("lag-groups", o.groups)
	return err
}

// WholeName returns the pattern of a flag that a whole name must match, nil for
// an empty one.
func WholeName(flag, pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	compiled, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, cli.FlagErrorf(flag, "%w: it must be a regular expression as Go knows them (RE2)", err)
	}
	return compiled, nil
}
