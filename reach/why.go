package reach

import (
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// Reason is why an item is or is not told on a channel.
type Reason struct {
	Channel string
	Seq     uint64
	// Decision is what took the item, 0 for none; ToldAt is when, zero if the row has
	// forgotten.
	Decision uint64
	ToldAt   time.Time
	// At is when it is due, zero for never.
	At   time.Time
	Text string // for people
}

// Why says of each item of row, by channel of p, when it was told, when it is due and what
// holds it, or why it is not told at all, as it is seen at now. It is nil for a nil policy
// and for a row of a user who cannot be reached.
func Why(user string, row *inbox.State, p *Policy, now time.Time) []Reason {
	if p == nil || row.Reach == nil {
		return nil
	}
	prefs := ReadPrefs(row)
	zone := p.ZoneOf(&prefs)
	due := Due(user, row, p, now)
	var out []Reason
	for i := range p.Channels {
		c := &p.Channels[i]
		state := row.Reach.Channel(c.Name)
		for j := range row.Items {
			e := &row.Items[j]
			r := Reason{Channel: c.Name, Seq: e.Seq}
			item := row.Reach.Item(e.Seq)
			if r.Decision = item.By(c.Name); r.Decision != 0 {
				r.ToldAt, r.Text = toldAt(&state, r.Decision, zone)
				out = append(out, r)
				continue
			}
			if k := slices.IndexFunc(due, func(p Pending) bool { return p.Channel == c && p.Seq == e.Seq }); k >= 0 {
				r.At, r.Text = due[k].At, due[k].words(now, zone)
			} else {
				r.Text = c.never(row, e, &prefs, now)
			}
			out = append(out, r)
		}
	}
	return out
}

func toldAt(c *inbox.ChannelState, decision uint64, zone *time.Location) (time.Time, string) {
	for _, d := range c.Decisions {
		if d.Version == decision {
			at := time.UnixMilli(d.At)
			return at.UTC(), "told " + local(at, zone)
		}
	}
	return time.Time{}, "told"
}

// local is a time as its user has it.
func local(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05 ") + zone.String()
}

func (n *Pending) words(now time.Time, zone *time.Location) string {
	at := local(n.At, zone)
	switch {
	case !n.At.After(now):
		return "due since " + at
	case n.Hold == HoldQuiet:
		return "quiet until " + n.At.In(zone).Format("15:04 ") + zone.String()
	case n.Hold == HoldCap:
		return "daily cap until " + at
	case n.Hold == HoldDigest:
		return "digest at " + at
	case n.Hold == HoldReturned:
		return "nobody was reached, again at " + at
	}
	return "due at " + at
}

// never says why an item is not told on a channel.
func (c *Channel) never(row *inbox.State, e *inbox.Entry, prefs *Prefs, now time.Time) string {
	switch {
	case e.Expired(now):
		return "expired"
	case e.Archived:
		return "archived"
	case e.Read:
		return "read"
	case e.Seen && c.Kind != inbox.EndpointMail:
		return "seen"
	case c.rule(e) == nil:
		return "no rule tells of it"
	case len(row.Endpoints(c.Kind)) == 0:
		return "no endpoint"
	case prefs.Channels[c.Name].Off:
		return "channel off"
	case !prefs.On(c.Name, e.Category):
		return "category off"
	case e.Place() <= row.Reach.FromOf(c.Kind):
		return "older than the first endpoint"
	}
	return "expires before it is due"
}
