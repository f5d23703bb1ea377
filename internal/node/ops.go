package node

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/views"
)

// operations is what the ops page shows of n.
func (n *node) operations() ops.Config {
	return ops.Config{
		Installation: opsNode{n},
		Letters:      n.letters(),
		Topics:       &opsTopics{n.Kafka, n.Prefix, n.lag.Report, n.ReplayRules},
		Journals:     &views.Journals{Config: n.Kafka, Prefix: n.Prefix, Cap: n.InboxCap, Members: n.Features.Members(), BroadcastCap: n.BroadcastCap, Board: n.board},
	}
}

// opsNode is a node as its server sees it.
type opsNode struct{ *node }

var _ ops.Installation = opsNode{}

// Lag implements ops.Installation.
func (i opsNode) Lag() lag.Report { return i.lag.Report() }

// Workers implements ops.Installation.
func (i opsNode) Workers() []ops.Worker {
	var out []ops.Worker
	for _, s := range i.statuses() {
		out = append(out, newWorker("processor", s))
	}
	for _, v := range i.views() {
		w := newWorker("view", v.Status())
		w.Lag = v.Lag()
		out = append(out, w)
	}
	return out
}

func newWorker(kind string, s engine.Status) ops.Worker {
	w := ops.Worker{
		Kind: kind, Name: strings.TrimPrefix(s.Name, kind+" "), Phase: string(s.Phase), Since: s.Since.UTC(),
		Restarts: s.Restarts,
	}
	for _, h := range s.HeldUp {
		w.Waiting = append(w.Waiting, h.String())
	}
	if s.Err != nil {
		w.Error = s.Err.Error()
	}
	for _, r := range s.Refused {
		w.Refused = append(w.Refused, r.String())
	}
	for _, l := range s.Lacks {
		w.Lacks = append(w.Lacks, l.String())
	}
	if r := s.Recovery; r != nil {
		w.Progress = wire.NewProgress(r.Done, r.Total, r.Percent(), r.Left)
	}
	return w
}

// Flows implements ops.Installation.
func (i opsNode) Flows() []ops.Flow { return flows(i.Prefix, i.lag.Report()) }

// flows tells what reads and writes the topics of an installation. Which routers and senders
// there are, and whether requests are answered, is known from the groups that lag is
// collected of.
func flows(p belfry.Prefix, lag lag.Report) []ops.Flow {
	const group, every = "group", "server"
	out := []ops.Flow{{Name: "HTTP API", Kind: every, Outputs: []string{p.Journal()}}}
	routers := 0
	for _, g := range lag.Groups {
		if topic, ok := strings.CutPrefix(g.Name, p.RouterGroup("")); ok {
			routers++
			out = append(out, ops.Flow{Name: g.Name, Kind: group, Inputs: []string{topic}, Outputs: []string{p.Journal()}})
		}
	}
	if routers == 0 {
		topic := p.Notifications()
		out = append(out, ops.Flow{Name: p.RouterGroup(topic), Kind: group, Inputs: []string{topic}, Outputs: []string{p.Journal()}})
	}
	unread := ops.Flow{Name: p.UnreadGroup(), Kind: group, Inputs: []string{p.Journal()}, Tables: []string{p.UnreadTable(), p.InboxTable()}}
	var senders []ops.Flow
	for _, g := range lag.Groups {
		switch g.Name {
		case p.RequestsGroup():
			out = append(out, ops.Flow{Name: g.Name, Kind: group, Inputs: topicsOf(g), Outputs: []string{p.Journal()}})
		case p.WebPushGroup(), p.MailGroup():
			// Decisions that they give back go into the journal, with which the way to them begins.
			senders = append(senders, ops.Flow{Name: g.Name, Kind: group, Inputs: []string{p.Outbound()}})
			unread.Outputs = []string{p.Outbound()}
		}
	}
	out = append(out, unread, ops.Flow{Name: "views of servers", Kind: every, Inputs: []string{p.UnreadTable(), p.InboxTable()}})
	return append(out, senders...)
}

// topicsOf names the topics that a group reads.
func topicsOf(g lag.Group) (topics []string) {
	for _, p := range g.Partitions { // by topic
		if n := len(topics); n == 0 || topics[n-1] != p.Topic {
			topics = append(topics, p.Topic)
		}
	}
	return topics
}

// Pending implements ops.Installation.
func (i opsNode) Pending() ops.Pending { return i.pending.Counts() }

// Drift implements ops.Installation.
func (i opsNode) Drift() int { return i.audit.Stats().Drift }

// Timers implements ops.Installation.
func (i opsNode) Timers() (ops.Timers, bool) {
	if i.timers == nil {
		return ops.Timers{}, false
	}
	s := i.timers.Stats()
	return ops.Timers{Pending: s.Pending, Fired: s.Fired, Again: s.Again, LateSeconds: s.Late.Seconds()}, true
}

// ClockSkew implements ops.Installation.
func (i opsNode) ClockSkew() (time.Duration, bool) {
	if i.journal == nil {
		return 0, false
	}
	ahead, at := i.journal.Skew()
	return ahead, !at.IsZero()
}

// maxShownRebalances is how many of all groups are shown.
const maxShownRebalances = 32

// Rebalances implements ops.Installation.
func (i opsNode) Rebalances() []ops.Rebalance {
	var out []ops.Rebalance
	for _, p := range i.allProcessors() {
		name := p.Group()
		for _, r := range p.Rebalances() {
			out = append(out, ops.Rebalance{
				At: r.At.UTC(), Group: name, Before: r.Before, After: r.After, PauseSeconds: r.Pause.Seconds(),
			})
		}
	}
	slices.SortStableFunc(out, func(a, b ops.Rebalance) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Group, b.Group)) })
	return out[:min(len(out), maxShownRebalances)]
}

// board reads a board of the view.
func (n *node) board(partition int32) (*board.Board, error) { return n.unread.Board(partition) }
