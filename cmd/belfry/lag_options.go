package main

import (
	"regexp"

	"github.com/spf13/pflag"
)

// lagOptions say which groups besides our own are watched.
type lagOptions struct {
	groups string

	// pattern is set by validate; nil means none.
	pattern *regexp.Regexp
}

func (o *lagOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.groups, "lag-groups", "", "`pattern` (RE2) of the whole names of further consumer groups to show the lag of; \".*\" is all")
}

func (o *lagOptions) validate() (err error) {
	o.pattern, err = wholeName("lag-groups", o.groups)
	return err
}

// wholeName returns the pattern of a flag that a whole name must match, nil for
// an empty one.
func wholeName(flag, pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, nil
	}
	compiled, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, flagErrorf(flag, "%w: it must be a regular expression as Go knows them (RE2)", err)
	}
	return compiled, nil
}
