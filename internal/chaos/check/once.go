package check

import (
	"strings"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// checkOnce holds that what was acknowledged is there exactly once, or was
// removed for a reason.
func checkOnce(p *person, servers []string, dead map[string]bool, r *report) {
	written := map[identity]int{} // index of the first record
	for i, j := range p.journal {
		if n := j.Record.Notification; !j.Unreadable && j.Record.Kind == inbox.KindNotify {
			if _, ok := written[identity{n.Source, n.ID}]; !ok {
				written[identity{n.Source, n.ID}] = i
			}
		}
	}
	sent, acknowledged := map[identity]bool{}, map[identity]bool{}
	for _, s := range p.sent {
		id := identity{s.Source, s.ID}
		if sent[id] {
			r.checked.Repeated++
		}
		sent[id] = true
		if s.Poison || !s.Acknowledged || acknowledged[id] {
			continue
		}
		acknowledged[id] = true
		r.checked.Acknowledged++
		if _, ok := written[id]; !ok && !dead[s.ID] {
			r.about(Lost, p.name, id.String(), "was acknowledged by %s at %s and is not in the journal", s.Via, clock(s.At))
		}
	}
	for id, i := range written {
		if !sent[id] {
			r.find(Other, p.name, "%s at offset %d was sent by nobody", id, p.journal[i].Offset)
		}
	}
	if p.own {
		return // a notice is listed for those whom it concerns: pages are held against the oracle
	}
	retained := p.oracle.retained()
	for _, server := range servers {
		shown, notices := map[identity]int{}, map[announced]int{}
		for _, page := range p.lists[server] {
			for _, it := range page.Items {
				switch {
				case it.Pending:
				case it.Audience != "":
					notices[announced{identity{it.Source, it.ID}, it.Audience}]++
				default:
					shown[identity{it.Source, it.ID}]++
				}
			}
		}
		p.checkNotices(server, notices, r)
		for id, n := range shown {
			if n > 1 && id.id != "" {
				r.about(Doubled, p.name, id.String(), "is listed %d times by %s", n, server)
			}
			if _, ok := written[id]; !ok {
				r.find(Drift, p.name, "%s is listed by %s and is not in the journal", id, server)
			}
		}
		for id, first := range written {
			e := retained[id]
			switch {
			case e != nil && shown[id] == 0:
				r.about(Lost, p.name, id.String(), "(seq %d) is not listed by %s, and nothing removed it", e.Seq, server)
			case e == nil && shown[id] > 0:
				r.find(Drift, p.name, "%s is listed by %s, although it was removed", id, server)
			case shown[id] == 0 && !p.mayBeGone(first):
				r.about(Lost, p.name, id.String(), "is not listed by %s, and the journal has nothing that can have removed it", server)
			}
		}
	}
}

// announced is by what a sender knows a notice.
type announced struct {
	identity
	audience string
}

// checkNotices holds that each notice which concerns the user is listed once, and none
// that was never written; shown is how often each is.
func (p *person) checkNotices(server string, shown map[announced]int, r *report) {
	written := map[announced]bool{}
	of := func(c *inbox.Item) announced { return announced{identity{c.Source, c.ID}, c.Audience} }
	for _, c := range p.notices.contents {
		written[of(&c)] = true
	}
	for a, n := range shown {
		if n > 1 {
			r.about(Doubled, p.name, a.String(), "is listed %d times by %s", n, server)
		}
		if !written[a] {
			r.find(Drift, p.name, "%s to %s is listed by %s and is not in the journal", a, a.audience, server)
		}
	}
	for i := range p.oracle.final.Items {
		e := &p.oracle.final.Items[i]
		if e.Shared == nil || e.Hidden(p.end()) || e.Expired(p.end()) {
			continue
		}
		if c := p.notices.contents[e.Seq]; shown[of(&c)] == 0 {
			r.about(Lost, p.name, of(&c).String(), "(seq %d) is not listed by %s, and nothing removed it", e.Seq, server)
		}
	}
}

// mayBeGone reports whether the journal has any reason at all why the
// notification at index first may not be listed. It knows nothing of the fold:
// what has no reason here is lost whatever the fold says.
func (p *person) mayBeGone(first int) bool {
	n := p.journal[first].Record.Notification
	if !n.ExpiresAt.IsZero() {
		return true
	}
	later := 0
	for i, j := range p.journal {
		if j.Unreadable {
			continue
		}
		switch rec := j.Record; rec.Kind {
		case inbox.KindRetract: // also one that came before
			t := rec.Retraction
			if t.ID != "" && t.ID == n.ID && t.Source == n.Source || t.CollapseKey != "" && t.CollapseKey == n.CollapseKey {
				return true
			}
		case inbox.KindDelete, inbox.KindErase:
			if i > first {
				return true
			}
		case inbox.KindNotify:
			if i <= first {
				continue
			}
			if n.CollapseKey != "" && rec.Notification.CollapseKey == n.CollapseKey {
				return true
			}
			later++
		}
	}
	limit := p.cap
	if limit < 1 {
		limit = inbox.DefaultCap
	}
	return later >= limit
}

// deadIDs are the ids of notifications among the dead letters.
func deadIDs(t *history.Truth) map[string]bool {
	ids := map[string]bool{}
	for _, d := range t.Dead {
		if d.ID != "" {
			ids[d.ID] = true
		}
	}
	return ids
}

// checkPoison holds that what cannot be read, and nothing else, is among the
// dead letters. One may be there several times.
func checkPoison(h *history.History, t *history.Truth, r *report) {
	dead := deadIDs(t)
	poison, missed := map[string]bool{}, map[string]bool{}
	for _, s := range h.Sent {
		if !s.Poison {
			continue
		}
		poison[s.ID] = true
		if !s.Acknowledged {
			continue
		}
		r.checked.Poison++
		if !dead[s.ID] && !missed[s.ID] {
			missed[s.ID] = true
			r.about(Lost, s.Recipient, identity{s.Source, s.ID}.String(),
				"is poison acknowledged at %s and is not among the dead letters", clock(s.At))
		}
	}
	type place struct {
		partition int32
		offset    int64
	}
	unreadable := map[place]bool{}
	for _, j := range t.Journal {
		if j.Unreadable {
			unreadable[place{j.Partition, j.Offset}] = true
		}
	}
	for _, d := range t.Dead {
		at := place{d.Partition, d.Offset}
		journal := strings.HasSuffix(d.Topic, ".journal")
		_, known := unreadable[at]
		switch {
		case journal && known:
			unreadable[at] = false // found
		case d.ID == "" || !poison[d.ID]:
			r.find(Other, "", "a dead letter that is no poison: %s, id %q, from %s/%d at %d", d.Reason, d.ID, d.Topic, d.Partition, d.Offset)
		}
	}
	for _, j := range t.Journal {
		if unreadable[place{j.Partition, j.Offset}] {
			r.find(Lost, j.Recipient, "journal record %d/%d cannot be read and is not among the dead letters", j.Partition, j.Offset)
		}
	}
}
