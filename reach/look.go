package reach

import (
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// Verdict is what a sender does with a decision.
type Verdict uint8

// The values of Verdict.
const (
	Wait       Verdict = 1 + iota // the row is not at the decision yet: look again, however long that takes
	Nothing                       // nothing is left to tell: done
	Late                          // it is past its time, or preferences are newer: return it with the same attempt
	NoEndpoint                    // no endpoint is left: return it with the same attempt
	Send                          // send Entries to Endpoints
)

// Looked is what a row says of a decision.
type Looked struct {
	Verdict   Verdict
	Entries   []*inbox.Entry   // still to be told, the newest first; pointers into the row
	Endpoints []inbox.Endpoint // of the decision's kind
}

// Look returns what a sender does with a decision by the newest row that it has. A sender
// looks once more right before each attempt.
func Look(row *inbox.State, o *inbox.Outbound, now time.Time) Looked {
	if row.Version < o.Decision {
		return Looked{Verdict: Wait}
	}
	l := Looked{Entries: Left(row, o.Channel, o.Kind, o.Decision, now), Endpoints: row.Endpoints(o.Kind)}
	switch {
	case len(l.Entries) == 0:
		l.Verdict = Nothing
	case now.UnixMilli() > o.GoodUntil || row.Reach.PrefsVersion > o.Decision:
		l.Verdict = Late
	case len(l.Endpoints) == 0:
		l.Verdict = NoEndpoint
	default:
		l.Verdict = Send
	}
	return l
}

// Left returns the items of row that a decision has taken and that still count at now, the
// newest first: pointers into the row.
func Left(row *inbox.State, channel string, kind inbox.EndpointKind, decision uint64, now time.Time) []*inbox.Entry {
	if row.Reach == nil || decision == 0 {
		return nil
	}
	var left []*inbox.Entry
	for i := range row.Reach.Items {
		item := &row.Reach.Items[i]
		if item.By(channel) != decision {
			continue
		}
		if e, ok := row.Entry(item.Seq); ok && kind.Counts(e, now) {
			left = append(left, e)
		}
	}
	slices.SortFunc(left, func(a, b *inbox.Entry) int { return b.Compare(a) })
	return left
}

// Decided returns the decision of that number as its outbound record has it, by the row
// alone, for who is asked of one without its record. One that the row has forgotten is
// past its time. Its attempt is 0.
func Decided(row *inbox.State, channel string, decision uint64, p *Policy, now time.Time) inbox.Outbound {
	o := inbox.Outbound{Channel: channel, Decision: decision}
	if row.Reach == nil {
		return o
	}
	state := row.Reach.Channel(channel)
	o.Kind = state.Kind
	for _, d := range state.Decisions {
		if d.Version == decision {
			prefs := ReadPrefs(row)
			held := slices.ContainsFunc(Left(row, channel, o.Kind, decision, now), func(e *inbox.Entry) bool { return !prefs.Passes(e) })
			o.GoodUntil = p.goodUntil(&prefs, time.UnixMilli(d.At), held)
		}
	}
	return o
}

// Return is what has a decision made anew that is Late or has NoEndpoint.
func Return(o *inbox.Outbound, now time.Time) inbox.Untell {
	u := inbox.Untell{Channel: o.Channel, Decision: o.Decision, Attempt: o.Attempt}
	if now.UnixMilli() > o.GoodUntil {
		// An owner whose clock is behind would decide the same at once, and again.
		u.NotBefore = o.GoodUntil + 1
	}
	return u
}
