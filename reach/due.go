package reach

import (
	"cmp"
	"hash/fnv"
	"time"

	"github.com/belfry/belfry/inbox"
)

// MaxAttempts is how often in a row a sender returns what has failed; then it is a dead
// letter.
const MaxAttempts = 30

// goodFor is for how long a decision is to be sent, unless quiet hours start before.
const goodFor = time.Hour

// digestJitter spreads the digests of one hour over users.
const digestJitter = 10 * time.Minute

// Hold says what an item waits for.
type Hold string

// The values of Hold.
const (
	HoldDelay    Hold = "delay"     // the rule's delay, also when that is over
	HoldDigest   Hold = "digest"    // the rule's hour
	HoldQuiet    Hold = "quiet"     // the user's quiet hours
	HoldCap      Hold = "daily cap" // the channel's
	HoldReturned Hold = "returned"  // what was sent last has failed, and is tried again then
)

// Pending is an item that is to be told on a channel.
type Pending struct {
	Channel *Channel
	Seq     uint64
	At      time.Time // when it is due; it may have passed
	Hold    Hold      // what it waits for until then
	Passes  bool      // quiet hours do not hold it
	Digest  bool
}

// Due returns what is to be told of row, and when, as it is seen at now: on each channel
// of the policy the untold items that still count, in the order of channels and seqs. What
// expires before it is due, or would be quiet for eight days, is not among them. A nil
// policy has no channels.
func Due(user string, row *inbox.State, p *Policy, now time.Time) []Pending {
	if p == nil || row.Reach == nil || len(row.Reach.Endpoints) == 0 {
		return nil
	}
	var pending []Pending
	e := evaluation{row: row, now: now, prefs: ReadPrefs(row), jitter: Spread(user)}
	e.quiet = e.prefs.hours()
	e.zone = p.ZoneOf(&e.prefs)
	for i := range p.Channels {
		pending = e.channel(pending, &p.Channels[i])
	}
	return pending
}

// First returns the one that is due first, and false for none.
func First(pending []Pending) (first Pending, ok bool) {
	for i := range pending {
		if !ok || pending[i].At.Before(first.At) {
			first, ok = pending[i], true
		}
	}
	return first, ok
}

// Tells returns the tell records that are to be appended at now: one for each channel that
// has something due. The fold decides on each.
func Tells(user string, row *inbox.State, p *Policy, now time.Time) []inbox.Record {
	var tells []inbox.Record
	var last *Channel
	held := false // something named may not pass quiet hours
	close := func() {
		if last != nil {
			prefs := ReadPrefs(row)
			tells[len(tells)-1].Tell.GoodUntil = p.goodUntil(&prefs, now, held)
		}
	}
	for _, due := range Due(user, row, p, now) {
		if due.At.After(now) {
			continue
		}
		if due.Channel != last {
			close()
			last, held = due.Channel, false
			tells = append(tells, inbox.Record{Kind: inbox.KindTell, Tell: &inbox.Tell{
				Channel: last.Name, Kind: last.Kind, Evaluated: row.Version, Attempt: row.Reach.Channel(last.Name).Attempt, Digest: true,
			}})
		}
		r := &tells[len(tells)-1]
		r.Seqs = append(r.Seqs, due.Seq)
		r.Tell.Digest = r.Tell.Digest && due.Digest
		held = held || !due.Passes
	}
	close()
	return tells
}

// evaluation is one look at a row.
type evaluation struct {
	row    *inbox.State
	now    time.Time
	prefs  Prefs
	zone   *time.Location
	quiet  hours // of prefs
	jitter time.Duration
}

// channel adds what is due on a channel.
func (e *evaluation) channel(pending []Pending, c *Channel) []Pending {
	if e.prefs.Channels[c.Name].Off || len(e.row.Endpoints(c.Kind)) == 0 {
		return pending
	}
	reach := e.row.Reach
	state, from := reach.Channel(c.Name), reach.FromOf(c.Kind)
	capped := e.capped(c, &state)
	for i := range e.row.Items {
		it := &e.row.Items[i]
		item := reach.Item(it.Seq)
		done := it.Read || it.Seen && c.Kind != inbox.EndpointMail
		if item.By(c.Name) != 0 || done || it.Archived || it.Place() <= from || !e.prefs.On(c.Name, it.Category) {
			continue
		}
		rule := c.rule(it)
		if rule == nil {
			continue
		}
		since := cmp.Or(item.Since, it.Until)
		if it.Shown == 0 {
			since = max(since, it.Until)
		}
		next, ok := e.rule(rule, since)
		if !ok {
			continue
		}
		next.Channel, next.Seq = c, it.Seq
		next.Passes = e.prefs.Passes(it)
		next.wait(time.UnixMilli(state.NotBefore), HoldReturned)
		if !next.Digest {
			next.wait(capped, HoldCap)
		}
		if !next.Passes && len(e.quiet) > 0 {
			earliest := next.At
			if earliest.Before(e.now) {
				earliest = e.now
			}
			end, ok := e.quiet.edge(earliest, e.zone, false)
			if !ok {
				continue
			}
			if end.After(earliest) {
				next.wait(end, HoldQuiet)
			}
		}
		if it.ExpiresAt == 0 || it.ExpiresAt > max(next.At.UnixMilli(), e.now.UnixMilli()) {
			pending = append(pending, next)
		}
	}
	return pending
}

// rule returns when a rule tells an item that waits since a time.
func (e *evaluation) rule(r *Rule, since int64) (Pending, bool) {
	start := time.UnixMilli(since)
	if r.Digest == nil {
		return Pending{At: start.Add(r.After), Hold: HoldDelay}, true
	}
	// An item that comes between the hour and the user's own moment after it is a part of it.
	at, ok := r.Digest.next(start.Add(-e.jitter), e.zone)
	return Pending{At: at.Add(e.jitter), Hold: HoldDigest, Digest: true}, ok
}

// wait puts it off, if that is later.
func (n *Pending) wait(until time.Time, hold Hold) {
	if until.After(n.At) {
		n.At, n.Hold = until, hold
	}
}

// capped returns when the daily cap of a channel lets the next message pass, zero for at
// once.
func (e *evaluation) capped(c *Channel, state *inbox.ChannelState) time.Time {
	if c.DailyCap == 0 {
		return time.Time{}
	}
	day := e.now.Add(-24 * time.Hour).UnixMilli()
	n := 0
	for i := len(state.Decisions) - 1; i >= 0; i-- {
		d := &state.Decisions[i]
		if d.Digest || d.At <= day {
			continue
		}
		if n++; n == c.DailyCap {
			return time.UnixMilli(d.At).Add(24 * time.Hour)
		}
	}
	return time.Time{}
}

// Spread is how long after the hour of a digest a user gets his: less than ten minutes, the
// same each day.
func Spread(user string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(user))
	return time.Duration(h.Sum32()) * time.Millisecond % digestJitter
}
