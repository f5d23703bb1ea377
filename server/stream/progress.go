package stream

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/wire"
)

// phase is how far a stream has come.
type phase uint8

const (
	phaseFresh    phase = iota // came without a cursor, to be sent the badge
	phaseLost                  // came with what is no cursor, or with that of a log that is gone
	phaseResuming              // came with a cursor, to be sent what it missed
	phaseLive                  // was answered; follows the row
)

// A stream is taken up in one of these ways, which metrics tell apart.
const (
	tookSnapshot = "snapshot"
	tookReplayed = "replayed"
	tookResync   = "resync"
)

// progress is all that must be remembered of a connection: what its client was
// delivered. It holds no events; what to send next follows from it and the tables as
// they are then.
//
// It is a value: step returns a new one and leaves the old as it was.
type progress struct {
	phase phase
	// delivered is the version that the client knows, contents aside.
	delivered uint64
	// id is the cursor up to which the client knows everything, contents
	// included. It is never behind an id that was sent, but while pending is
	// not empty it may be behind delivered.
	id     inbox.Cursor
	sentID bool // whether id went out on this connection
	// recheck is set from a resync until the row is there of which the client
	// reads the list: what lacks content in it then becomes pending.
	recheck bool
	// until ends the wait for the cursor's version or for late contents; zero
	// while there is nothing to wait for.
	until time.Time
	// pending holds the seqs that the client has without content.
	pending []uint64
	// gone holds the seqs that the row still holds but the client was sent as
	// removed at version delivered, because they expired. It counts for that
	// version alone: a client that listed meanwhile refuses what is below its
	// list, so that a batch of a higher version, and the first after a resync,
	// names again what the row still holds.
	gone []uint64
	// woken holds the seqs whose wake no record has settled and which the client was
	// sent at version delivered: it counts for that version alone, as gone does.
	woken []uint64
	// partly holds the items of a batch that the client has although it has
	// not the batch's end: they are not sent again with the rest.
	partly []itemState
}

// itemState is an item as it stood when it was delivered to a client.
type itemState struct {
	seq, version uint64
	pending      bool
}

// part is p once the client was also sent these items, of a batch that it
// did not take to the end.
func (p progress) part(items []itemState) progress {
	p.partly = append(slices.Clip(p.partly), items...)
	return p
}

// same reports whether p and q lead to the same step.
func (p progress) same(q progress) bool {
	return p.phase == q.phase && p.delivered == q.delivered && p.id == q.id && p.sentID == q.sentID && p.recheck == q.recheck &&
		p.until.Equal(q.until) && slices.Equal(p.pending, q.pending) && slices.Equal(p.gone, q.gone) && slices.Equal(p.woken, q.woken) && slices.Equal(p.partly, q.partly)
}

// newProgress is that of a client which brings cursor, as a text; empty if it
// brings none.
func newProgress(cursor string) progress {
	if cursor == "" {
		return progress{phase: phaseFresh}
	}
	c, err := inbox.ParseCursor(cursor)
	if err != nil {
		return progress{phase: phaseLost}
	}
	return progress{phase: phaseResuming, delivered: c.Version, id: c}
}

// view is what a step is taken from: a user's row and contents at one time.
type view struct {
	user     string
	row      *inbox.State
	now      time.Time
	contents wire.Contents
	prefer   wire.Languages
}

// outcome is what a step came to.
type outcome struct {
	events []wire.Event
	// wake is when to look again although no table changed; zero for never.
	wake time.Time
	// took is set by the step that took the stream up.
	took string
	// short: the events are the first items of all that v shows, about [batchBytes], and
	// the next step is taken from what the client has of them.
	short bool
}

// step returns what to send to a client now and the progress once that is
// sent. It sends all that v shows or nothing, or says that it is short of it: there are no
// half steps to keep.
func (p progress) step(v view) (outcome, progress) {
	switch p.phase {
	case phaseFresh:
		p = p.at(v.row.Cursor())
		e := p.event(eventUnread, wire.NewBadge(v.user, v.row.Badge(v.now)))
		return outcome{events: []wire.Event{e}, wake: nextChange(v), took: tookSnapshot}, p
	case phaseLost:
		return p.resync(v, v.row.Cursor())
	case phaseResuming:
		return p.resume(v)
	default:
		return p.follow(v)
	}
}

// resume takes up a stream from the client's cursor.
func (p progress) resume(v view) (outcome, progress) {
	if p.id.Version > v.row.Version && p.wait(v.now) {
		return outcome{wake: p.until}, p
	}
	p.until = time.Time{}
	switch {
	case p.id.IsZero():
	case p.id.Epoch != v.row.Epoch:
		return p.resync(v, v.row.Cursor())
	case p.id.Version > v.row.Version:
		// The client lists the inbox at a server that knows this version, and
		// is sent nothing older here.
		return p.resync(v, p.id)
	}
	if _, ok := v.row.Since(p.delivered, v.now); !ok {
		return p.resync(v, v.row.Cursor())
	}
	p.phase = phaseLive
	out, p := p.follow(v)
	out.took = tookReplayed
	if len(out.events) == 0 && p.until.IsZero() {
		// The client learns at once that its stream works.
		p.sentID = true
		out.events = append(out.events, p.ping())
	}
	return out, p
}

// resync tells the client to list the inbox again at c, and goes on from there.
func (p progress) resync(v view, c inbox.Cursor) (outcome, progress) {
	out := outcome{wake: nextChange(v)}
	if p.phase != phaseLive {
		out.took = tookResync
	}
	p = p.at(c)
	p.recheck, p.pending, p.gone, p.woken = true, nil, nil, nil
	out.events = []wire.Event{p.event(eventResync, versionBody{c.Version})}
	return out, p.relist(v)
}

// relist makes pending what the client finds in the list without content. It
// waits until the row has the version which the client asks for.
func (p progress) relist(v view) progress {
	if !p.recheck || v.row.Version < p.delivered {
		return p
	}
	p.recheck = false
	for i := range v.row.Items {
		e := &v.row.Items[i]
		if e.Seq <= p.delivered && !e.Expired(v.now) && !e.Hidden(v.now) && wire.Lacks(e, v.contents) {
			p.pending = append(p.pending, e.Seq)
		}
	}
	return p
}

// follow sends what changed since the last delivery to the client.
func (p progress) follow(v view) (outcome, progress) {
	if v.row.Version < p.delivered {
		return outcome{}, p // after a resync: what the client sees never goes back
	}
	p = p.relist(v)
	changes, ok := v.row.Since(p.delivered, v.now)
	if !ok {
		return p.resync(v, v.row.Cursor())
	}
	moved := v.row.Version > p.delivered
	if !moved {
		changes.Items = slices.DeleteFunc(changes.Items, func(e *inbox.Entry) bool { return slices.Contains(p.woken, e.Seq) })
	}
	items, lacking, late, short := p.items(v, changes.Items)
	if late && p.wait(v.now) {
		return outcome{wake: earlier(p.until, nextChange(v))}, p
	}
	if short {
		return outcome{short: true, events: itemEvents(items)}, p
	}
	p.until = time.Time{}
	// An item event need not be said again, nor an item that is gone.
	shown := func(seq uint64) bool {
		return slices.ContainsFunc(items, func(b wire.Item) bool { return b.Seq == seq })
	}
	for _, seqs := range []*[]uint64{&changes.Read, &changes.Unread, &changes.Seen, &changes.Archived} {
		*seqs = slices.DeleteFunc(*seqs, shown)
	}
	if !moved {
		changes.Removed = slices.DeleteFunc(changes.Removed, func(seq uint64) bool {
			return slices.Contains(p.gone, seq)
		})
	}
	slices.Sort(changes.Removed)

	out := outcome{wake: nextChange(v)}
	p.pending = lacking
	p.gone = matching(v, func(e *inbox.Entry) bool { return e.Expired(v.now) })
	p.woken = matching(v, func(e *inbox.Entry) bool { return e.Woken(v.now) && !e.Expired(v.now) })
	if !moved && len(items) == 0 && !changes.HasState() && len(p.partly) == 0 {
		return out, p
	}
	out.events = itemEvents(items)
	if changes.HasState() {
		out.events = append(out.events, wire.Event{Name: eventState, Data: newStateBody(v.row.Version, &changes)})
	}
	p = p.at(p.cursor(v.row))
	p.delivered = v.row.Version
	out.events = append(out.events, p.event(eventUnread, wire.NewBadge(v.user, v.row.Badge(v.now))))
	return out, p
}

// itemEvents are the events of items, with room for the two that end a batch. They refer to
// items.
func itemEvents(items []wire.Item) []wire.Event {
	events := make([]wire.Event, 0, len(items)+2)
	for i := range items {
		events = append(events, wire.Event{Name: eventItem, Data: &items[i]})
	}
	return events
}

// items returns the data of item events that the client has not had a part of the batch
// with, the pressing ones first: fresh ones, and pending ones whose contents have come. It
// also returns which seqs the client will then have without content, and whether any of
// these is late: it was not pending before, so the batch is worth holding back for it.
//
// Short: there are more, beyond about [batchBytes]. Their contents are not read, since
// they would be again for each part of the batch that the client takes.
func (p progress) items(v view, fresh []*inbox.Entry) (items []wire.Item, lacking []uint64, late, short bool) {
	all := slices.Clip(fresh)
	for _, seq := range p.pending {
		if e, ok := v.row.Entry(seq); ok && !e.Expired(v.now) && !e.Hidden(v.now) && !slices.Contains(fresh, e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *inbox.Entry) int {
		return cmp.Or(cmp.Compare(importance(b.Priority), importance(a.Priority)), cmp.Compare(a.Seq, b.Seq))
	})
	texts := wire.NewTranslator(v.prefer)
	size := 0
	for _, e := range all {
		if slices.Contains(p.partly, itemState{e.Seq, e.Version, false}) {
			continue
		}
		if size > batchBytes {
			return items, lacking, late, true
		}
		item := wire.NewItem(e, v.contents, texts, v.now)
		if item.Pending {
			lacking = append(lacking, e.Seq)
			isFresh := slices.Contains(fresh, e)
			late = late || isFresh && !slices.Contains(p.pending, e.Seq)
			if !isFresh || slices.Contains(p.partly, itemState{e.Seq, e.Version, true}) {
				continue
			}
		}
		size += len(item.Title) + len(item.Body) + len(item.Data)
		items = append(items, item)
	}
	return items, lacking, late, false
}

// importance orders urgent before high before all the rest.
func importance(p belfry.Priority) belfry.Priority { return max(p, belfry.PriorityNormal) }

// cursor is the id of a batch that holds all of row: row's own, but before the
// oldest pending item, so that a client which comes back with it is sent that
// item again. It takes row's epoch also where it stays at an older version:
// versions go on over an epoch change.
func (p progress) cursor(row *inbox.State) inbox.Cursor {
	c := row.Cursor()
	if len(p.pending) > 0 {
		c.Version = max(p.id.Version, slices.Min(p.pending)-1)
	}
	if c.Version == 0 {
		return inbox.Cursor{}
	}
	return c
}

// at is p once c was sent as id and the client was delivered all up to it.
func (p progress) at(c inbox.Cursor) progress {
	p.phase, p.delivered, p.id, p.sentID, p.partly = phaseLive, c.Version, c, true, nil
	p.until = time.Time{}
	return p
}

// wait reports whether there is still time to wait at now, of wire.MaxWait from the
// first call on.
func (p *progress) wait(now time.Time) bool {
	if p.until.IsZero() {
		p.until = now.Add(wire.MaxWait)
	}
	return now.Before(p.until)
}

// event is one with the last id sent, if one was.
func (p progress) event(event string, data any) wire.Event {
	e := wire.Event{Name: event, Data: data}
	if p.sentID {
		e.ID = p.id.String()
	}
	return e
}

// ping repeats the version that the client was delivered.
func (p progress) ping() wire.Event { return p.event(eventPing, versionBody{p.delivered}) }

// bye is the last frame of a stream.
func (p progress) bye(reason string) wire.Event {
	return p.event(wire.EventBye, wire.Bye{Reason: reason})
}

// matching returns the seqs of the items of v's row for which is holds.
func matching(v view, is func(*inbox.Entry) bool) []uint64 {
	var seqs []uint64
	for i := range v.row.Items {
		if e := &v.row.Items[i]; is(e) {
			seqs = append(seqs, e.Seq)
		}
	}
	return seqs
}

// nextChange is when the next item of v expires or wakes, zero if none will.
func nextChange(v view) time.Time {
	if t, ok := v.row.NextChange(v.now); ok {
		return t
	}
	return time.Time{}
}

// expiresForMany reports whether nothing happens to a row at a time but that notices of it
// expire, which those of all who have them do.
func expiresForMany(row *inbox.State, at time.Time) bool {
	ms, many := at.UnixMilli(), false
	if at.IsZero() {
		return false
	}
	for i := range row.Items {
		switch e := &row.Items[i]; {
		case e.ExpiresAt == ms && e.Shared != nil:
			many = true
		case e.ExpiresAt == ms || e.Until == ms && e.Shown == 0:
			return false
		}
	}
	return many
}

// earlier returns the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
