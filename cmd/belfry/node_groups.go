package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/envelope"
)

// The groups that --groups knows.
const (
	groupRouter = "router"
	groupUnread = "unread"
	groupInbox  = "inbox"
)

func allGroups() []string { return []string{groupRouter, groupUnread, groupInbox} }

// groupOptions say which processors a process runs.
type groupOptions struct{ names []string }

func (o *groupOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.names, "groups", allGroups(), "processors to run, a `list` of "+strings.Join(allGroups(), ", "))
}

func (o *groupOptions) validate() error {
	if len(o.names) == 0 {
		return flagErrorf("groups", "name at least one of %s", strings.Join(allGroups(), ", "))
	}
	for i := range o.names {
		o.names[i] = strings.TrimSpace(o.names[i])
		name := o.names[i]
		if !slices.Contains(allGroups(), name) {
			return flagErrorf("groups", "must be of %s, not %.80q", strings.Join(allGroups(), ", "), name)
		}
		if slices.Contains(o.names[:i], name) {
			return flagErrorf("groups", "%s is named twice", name)
		}
	}
	return nil
}

// newGroup returns the definition of a group that groupOptions let through.
func newGroup(name string, deps processors.Deps, inboxCap int) engine.Group {
	var g engine.Group
	switch name {
	case groupRouter:
		g = processors.NewRouter(deps, deps.Prefix.Notifications(), envelope.Notifications{}).Group()
		g.Remedy = remedy(renewNotifications)
	case groupUnread:
		g = processors.NewUnread(deps, inboxCap).Group()
		g.Remedy = remedy(renewJournal)
	default:
		g = processors.NewInbox(deps).Group()
	}
	return g
}
