package node

import (
	"slices"

	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

// openTimers returns the queue of the partitions that are folded here, nil if none are.
func (n *node) openTimers() *timers.Queue {
	if slices.Contains(n.Groups, GroupUnread) {
		n.timers = timers.New(timers.Config{Journal: n.journal, Rate: n.TimerRate, Wakes: n.BroadcastWakes, Skew: n.journal.Skew, Logger: n.Log})
	}
	return n.timers
}

// timerMetrics are what a queue of timers holds and has done.
type timerMetrics struct {
	stats func() timers.Stats
	tells func() timers.TellStats
	// policy is what is told by, nil for nothing.
	policy func() *reach.Policy
}

func (m timerMetrics) tell(t telling) {
	s := m.stats()
	t.gauge("belfry_timers_pending", "Times that rows of this process's partitions name, which have not come or wait for their turn.", float64(s.Pending))
	t.counter("belfry_timers_fired_total", "Timers whose time has come and for which a touch was appended to the journal.", float64(s.Fired))
	t.counter("belfry_timers_again_total", "Touches appended again, since the one before had not settled the row.", float64(s.Again))
	t.counter("belfry_timers_failed_total", "Touches that could not be appended, and are tried again.", float64(s.Failed))
	t.gauge("belfry_timers_late_seconds", "For how long the oldest timer is overdue; what users see is at its time all the same.", s.Late.Seconds())
	tells := m.tells()
	m.tellPending(t, tells.Pending)
	for channel, n := range tells.Appended {
		t.counter("belfry_outbound_tells_total", "Tells appended to journals as their time came, by channel; the fold decides what comes of each.", float64(n), "channel", channel)
	}
	t.counter("belfry_outbound_tells_again_total", "Tells appended again, since nothing came of the one before.", float64(tells.Again))
	t.counter("belfry_outbound_tells_failed_total", "Tells that could not be appended, and are tried again.", float64(tells.Failed))
	t.gauge("belfry_outbound_late_seconds", "For how long the oldest tell is overdue: it waits for its turn, or nothing has come of it.", tells.Late.Seconds())
}

// tellPending tells of all that users of channels may wait for, and of those whose
// channel is not known, since a former release has looked them up.
func (m timerMetrics) tellPending(t telling, pending map[timers.Wait]int) {
	names := []string{""}
	if policy := m.policy(); policy != nil {
		for i := range policy.Channels {
			names = append(names, policy.Channels[i].Name)
		}
	}
	for i, name := range names {
		for hold := timers.HoldOf("delay"); hold.String() != ""; hold++ {
			if n := pending[timers.Wait{Hold: hold, Channel: uint8(i)}]; i > 0 || n > 0 {
				t.gauge("belfry_outbound_pending", "Users of this process's partitions who are to be told of something outside of the inbox, by the channel that comes first, and by what that waits for: delay, digest, quiet, daily cap or returned.",
					float64(n), "channel", name, "hold", hold.String())
			}
		}
	}
}
