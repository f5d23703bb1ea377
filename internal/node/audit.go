package node

import (
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/upkeep"
)

// AuditMargin is what clocks may differ by, and how long what was acknowledged
// may take until it is seen everywhere.
const AuditMargin = 10 * time.Second

// openAudit must come after the views and what watches lag are made.
func (n *node) openAudit() {
	n.audit = upkeep.NewAudit(upkeep.AuditConfig{Rows: n.unread, Items: n.inbox, Settled: n.settled, Logger: n.Log})
}

// settled reports whether all that was written to the journal before a time is in
// this server's views: the group has nothing left that is as old, and the views
// nothing at all.
func (n *node) settled(since time.Time) bool {
	if slices.ContainsFunc(n.views(), func(v *table.View) bool { return !v.Recovered() || v.Lag() > 0 }) {
		return false
	}
	return Processed(n.lag.Report(), n.Prefix, since.Add(AuditMargin))
}

// Processed reports whether all that was written to the journal before a time is in
// the tables.
func Processed(r lag.Report, prefix belfry.Prefix, before time.Time) bool {
	i := slices.IndexFunc(r.Groups, func(g lag.Group) bool { return g.Name == prefix.UnreadGroup() })
	if !r.Up || i < 0 || len(r.Groups[i].Partitions) == 0 {
		return false
	}
	return r.CollectedAt.Add(-time.Duration(r.Groups[i].MaxLagSeconds * float64(time.Second))).After(before)
}

// tellAudit tells what an audit has found.
func tellAudit(t telling, s upkeep.AuditStats) {
	last := 0.0
	if !s.LastPass.IsZero() {
		last = float64(s.LastPass.UnixMilli()) / 1000
	}
	t.gauge("belfry_unread_drift", "By how many unread items badges are wrong of the users who were recounted; must be 0.", float64(s.Drift))
	t.counter("belfry_audited_users_total", "Users recounted from row and contents.", float64(s.Users))
	t.gauge("belfry_audit_waiting_users", "Users recounted who lack contents that are still on their way.", float64(s.Waiting))
	t.gauge("belfry_audit_last_pass_timestamp_seconds", "When all users had been recounted last, 0 if never.", last)
	for _, f := range upkeep.Findings() {
		t.counter("belfry_audit_findings_total", "Users of whom something was found wrong: badge, missing, differs or unreadable.", float64(s.Findings[f]), "finding", string(f))
	}
}
