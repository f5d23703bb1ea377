package node

import (
	"fmt"
	"log/slog"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// Channels is what a node needs of channels.
type Channels = Watched[*reach.Policy]

// channelsWatch has users told by new channels when their file changes or on SIGHUP.
type channelsWatch = watch[*reach.Policy]

// newChannelsWatch puts the channels that were loaded at start in force.
func newChannelsWatch(cfg Channels, set func(*reach.Policy), log *slog.Logger) *channelsWatch {
	log = log.With("component", "channels")
	return newWatch(cfg, "channels", set, func(p *reach.Policy) (string, []any) {
		names := make([]string, len(p.Channels))
		for i := range p.Channels {
			names[i] = p.Channels[i].Name
		}
		return fmt.Sprintf("%016x", p.Hash()), []any{"channels", names}
	}, watchLines{
		loaded:  func(facts ...any) { log.Info("channels loaded", facts...) },
		refused: func(facts ...any) { log.Error("channels not reloaded, the former ones stay", facts...) },
	})
}

// policyNow is the policy that users are told by: none while the feature is closed.
func (n *node) policyNow() *reach.Policy {
	if !n.Features.Has(inbox.FeatureReach) {
		return nil
	}
	return n.policy.Load()
}

// openChannels must come before anything runs; timers may have been opened.
func (n *node) openChannels() {
	if n.Channels == nil {
		return
	}
	n.channels = newChannelsWatch(*n.Channels, func(p *reach.Policy) {
		n.policy.Store(p)
		if n.timers != nil {
			n.timers.Renew()
		}
	}, n.Log)
	n.registry.MustRegister(n.channels)
	if !n.Features.Has(inbox.FeatureReach) {
		n.Log.Warn("channels are loaded and nobody is told by them: the feature reach is closed; open it with --features once all processes are of this release", "features", n.Features.String())
	}
}
