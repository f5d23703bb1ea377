package check

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// Explain writes all that is known of one user, in the order of time: what was
// sent and asked for, each journal record with what it did, each answer and
// frame, and the end. Journal records have the broker's time, all else the
// client's. The error is that of w.
func Explain(w io.Writer, h *history.History, t *history.Truth, user string) error {
	people, _ := byUser(h, t, &report{})
	for _, own := range people {
		if own.own && own.name != user {
			own.replay(&report{}) // its notices come into the user's row
		}
	}
	p := people[user]
	if p == nil {
		_, err := fmt.Fprintf(w, "nothing is known of user %s\n", user)
		return err
	}
	e := explanation{}
	e.clients(p)
	e.journal(p)
	for _, f := range h.Faults {
		e.add(f.At, "FAULT    %s", f.What)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "history of user %s\n", user)
	for _, l := range inOrder(e.lines, func(l line) time.Time { return l.at }) {
		fmt.Fprintf(&b, "%s %s\n", clock(l.at), l.text)
	}
	fmt.Fprintf(&b, "oracle   %s\n", rowText(&p.oracle.final))
	if p.hasRow {
		fmt.Fprintf(&b, "row      %s\n", rowText(&p.row))
	} else {
		fmt.Fprintf(&b, "row      none\n")
	}
	fmt.Fprintf(&b, "contents %v\n", slices.Sorted(maps.Keys(p.items)))
	for _, l := range t.Lists {
		if l.User == user {
			fmt.Fprintf(&b, "list     %s\n", listText(l))
		}
	}
	for _, held := range p.held {
		fmt.Fprintf(&b, "held     by %s: cursor %s, unread %d, %s\n", held.Client, held.Cursor, held.Unread, itemsText(held.Items))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// line is one thing that happened.
type line struct {
	at   time.Time
	text string
}

type explanation struct{ lines []line }

func (e *explanation) add(at time.Time, format string, args ...any) {
	e.lines = append(e.lines, line{at, fmt.Sprintf(format, args...)})
}

func (e *explanation) clients(p *person) {
	word := func(acknowledged bool) string {
		if acknowledged {
			return "acknowledged"
		}
		return "not acknowledged"
	}
	for _, s := range p.sent {
		poison := ""
		if s.Poison {
			poison = ", poison"
		}
		e.add(s.At, "sent     %s by %s, %s%s", identity{s.Source, s.ID}, s.Via, word(s.Acknowledged), poison)
	}
	for _, a := range p.acted {
		e.add(a.At, "asked    %s, %s, version %d", selection(a.Record), word(a.Acknowledged), a.Version)
	}
	for _, a := range p.polled {
		e.add(a.At, "polled   by %s of %s: %s %+v", a.Client, a.Server, a.Cursor, a.Counts)
	}
	for _, l := range p.listed {
		e.add(l.At, "listed   by %s: %s", l.Client, listText(l))
	}
	for _, f := range p.frames {
		e.add(f.At, "frame    to %s/%d of %s: %s %s %s", f.Client, f.Connection, f.Server, f.Event, f.ID, f.Data)
	}
}

// journal replays the journal and tells what each record did.
func (e *explanation) journal(p *person) {
	o := newOracle()
	for i := range p.journal {
		j := &p.journal[i]
		if j.Unreadable {
			e.add(j.Time, "journal  %d/%d cannot be read", j.Partition, j.Offset)
			continue
		}
		effects := p.fold(&o, j)
		e.add(j.Time, "journal  %d/%d version %d: %s: %s, removes %v, unread now %d of %d", j.Partition, j.Offset,
			o.final.Version, recordText(j.Record), effects.Outcome, effects.Removed,
			o.final.Counts(j.Time).Unread, len(o.final.Items))
	}
	if !p.own {
		o.final = p.notices.last().Show(o.stored)
	}
	p.oracle = o
}

func recordText(rec inbox.Record) string {
	switch rec.Kind {
	case inbox.KindNotify:
		n := rec.Notification
		text := "notify " + identity{n.Source, n.ID}.String()
		if n.CollapseKey != "" {
			text += fmt.Sprintf(" collapse %q", n.CollapseKey)
		}
		if n.Audience != "" {
			text += " to " + n.Audience
		}
		return text
	case inbox.KindRetract:
		return fmt.Sprintf("retract %s collapse %q of %s", identity{rec.Retraction.Source, rec.Retraction.ID}, rec.Retraction.CollapseKey, cmp.Or(rec.Retraction.Audience, "the user"))
	case inbox.KindSubscribe, inbox.KindUnsubscribe:
		return rec.Kind.String() + " " + rec.Topic
	case inbox.KindErase, inbox.KindTouch, inbox.KindJoin:
		return rec.Kind.String()
	}
	return selection(rec)
}

func listText(l history.Listed) string {
	return fmt.Sprintf("%s at %s: version %d, cursor %s, archived %t, before %d, next %d, unread %d, %s", l.Server, clock(l.At),
		l.Version, l.Cursor, l.Archived, l.Before, l.Next, l.Unread, itemsText(l.Items))
}

// itemsText writes items as "5 3r 2sa 1p": the seq, then r for read or s for
// seen, a for archived, p for pending.
func itemsText(items []history.Item) string {
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = fmt.Sprint(it.Seq)
		switch {
		case it.Read:
			texts[i] += "r"
		case it.Seen:
			texts[i] += "s"
		}
		if it.Archived {
			texts[i] += "a"
		}
		if it.Pending {
			texts[i] += "p"
		}
	}
	return "items [" + strings.Join(texts, " ") + "]"
}
