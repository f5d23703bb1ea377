package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
)

// groupOptions say which processors a process runs.
type groupOptions struct {
	names  []string
	former bool // formerGroup was named, too
}

// formerGroup filled the inbox table in earlier releases; its name is still taken, so
// that a command line serves during an upgrade.
const formerGroup = "inbox"

func (o *groupOptions) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Processors")()
	fs.StringSliceVar(&o.names, "groups", node.AllGroups(), "processors to run, a `list` of "+strings.Join(node.AllGroups(), ", "))
}

func (o *groupOptions) Validate() error {
	if len(o.names) == 0 {
		return cli.FlagErrorf("groups", "name at least one of %s", strings.Join(node.AllGroups(), ", "))
	}
	for i := range o.names {
		o.names[i] = strings.TrimSpace(o.names[i])
	}
	named := len(o.names)
	o.names = slices.DeleteFunc(o.names, func(name string) bool { return name == formerGroup })
	o.former = len(o.names) < named
	for i := range o.names {
		name := o.names[i]
		if !slices.Contains(node.AllGroups(), name) {
			return cli.FlagErrorf("groups", "must be of %s, not %.80q", strings.Join(node.AllGroups(), ", "), name)
		}
		if slices.Contains(o.names[:i], name) {
			return cli.FlagErrorf("groups", "%s is named twice", name)
		}
	}
	return nil
}
