package main

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// The topics that --new-epoch knows: those whose offsets mean something.
const (
	renewJournal       = "journal"
	renewNotifications = "notifications"
)

// newEpochFlag asks for the deletion of a topic.
const newEpochFlag = "new-epoch"

// renewOptions say which topic is created anew.
type renewOptions struct {
	topic cli.Choice
	file  string
}

func newRenewOptions() renewOptions {
	return renewOptions{topic: cli.NewChoice("", renewJournal, renewNotifications)}
}

func (o *renewOptions) AddFlags(fs *pflag.FlagSet) {
	fs.Var(&o.topic, newEpochFlag, "delete and create again a topic that was cut short, keeping what was not processed; alone it means the journal; on the command line only")
	fs.Lookup(newEpochFlag).NoOptDefVal = renewJournal
	cli.MarkAction(fs, newEpochFlag)
	fs.StringVar(&o.file, "copy-file", "", "`file` for what --new-epoch keeps meanwhile; <topic>-<epoch>.ndjson here if empty")
}

// renewTopic creates the topic anew. Nothing that writes or reads its offsets
// may run meanwhile.
func renewTopic(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, o renewOptions, report func(kafka.Change)) error {
	topics, err := options.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	name, group := prefix.Journal(), prefix.UnreadGroup()
	stopped := func(g string) bool { return g == group || strings.HasPrefix(g, prefix.RouterGroup("")) }
	if o.topic.Value == renewNotifications {
		name, group = prefix.Notifications(), prefix.RouterGroup(prefix.Notifications())
		stopped = func(g string) bool { return g == group }
	}
	r := renew.Renewal{Group: group, Stopped: stopped, File: o.file, Report: report}
	for _, s := range prefix.Topics(1) {
		if s.Name == name {
			r.Spec = s
		}
	}
	return renew.Run(ctx, topics, cfg, r)
}
