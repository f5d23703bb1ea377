package node

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/server/ops"
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

// Channels implements ops.Installation. Owners and senders count for themselves, so what
// they count is the one thing that they share.
func (i opsNode) Channels() []ops.Channel {
	if i.channels == nil {
		return nil
	}
	families, err := i.registry.Gather()
	if err != nil {
		i.Log.Debug("channels are not counted for the page", "err", err)
	}
	return channelsOf(families)
}

// channelsOf adds up what metrics say of channels, by name.
func channelsOf(families []*dto.MetricFamily) []ops.Channel {
	by := map[string]*ops.Channel{}
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), "belfry_")
		if !ours {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			channel := labels["channel"]
			if channel == "" || m.GetHistogram() != nil {
				continue
			}
			c := by[channel]
			if c == nil {
				c = &ops.Channel{Name: channel, Held: map[string]int64{}, Returned: map[string]int64{}, Suppressed: map[string]int64{}, Failed: map[string]int64{}}
				by[channel] = c
			}
			n := int64(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			add := func(to map[string]int64, why string) {
				if n > 0 {
					to[why] += n
				}
			}
			switch result := labels["result"]; name {
			case "outbound_dispatched_total":
				c.Dispatched += n
			case "outbound_pending":
				add(c.Held, labels["hold"])
			case "outbound_decisions_total":
				switch senders.End(result) {
				case senders.EndSent:
					c.Sent += n
				case senders.EndLate, senders.EndNoEndpoint, senders.EndFailed:
					add(c.Returned, result)
				case senders.EndNothing:
					add(c.Suppressed, "nothing left")
				case senders.EndLetter:
					add(c.Failed, result)
				case senders.EndRepeat, senders.EndGivenUp:
				}
			case "outbound_answers_total":
				switch answer := labels["answer"]; senders.Result(answer) {
				case senders.Accepted, senders.Unanswered, senders.Gone:
				default:
					add(c.Failed, answer)
				}
			case "outbound_endpoints_gone_total":
				add(c.Suppressed, "gone")
			case "bounces_total":
				add(c.Suppressed, labels["kind"])
			case "unsubscribed_total":
				add(c.Suppressed, "unsubscribed")
			}
		}
	}
	var out []ops.Channel
	for _, name := range slices.Sorted(maps.Keys(by)) {
		out = append(out, *by[name])
	}
	return out
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
	n.registry.MustRegister(told(n.channels.tell))
	if !n.Features.Has(inbox.FeatureReach) {
		n.Log.Warn("channels are loaded and nobody is told by them: the feature reach is closed; open it with --features once all processes are of this release", "features", n.Features.String())
	}
}
