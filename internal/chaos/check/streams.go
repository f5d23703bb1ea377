package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// checkStreams plays what each stream's client received into a Holder, holds it
// against the oracle, and holds what the client believes at the end against the
// final row and the final lists.
func checkStreams(p *person, r *report) {
	clients, groups := groupBy(p.frames, func(f history.Frame) string { return f.Client })
	for _, client := range clients {
		s := stream{p: p, r: r, client: client}
		s.play(groups[client])
	}
	for _, h := range p.held {
		p.checkHeld(h, r)
	}
}

// stream is one client's stream as it is played again.
type stream struct {
	p      *person
	r      *report
	client string
	holder Holder
	// The batch under way, as far as it has come.
	items []history.Item
	state []stateFrame
}

func (s *stream) play(frames []history.Frame) {
	type event struct {
		at    time.Time
		frame *history.Frame
		list  *history.Listed
	}
	var events []event
	// A list before a frame of the same time: the client waits for it.
	for i := range s.p.listed {
		if l := &s.p.listed[i]; l.Client == s.client && l.Before == 0 && !l.Archived {
			events = append(events, event{at: l.At, list: l})
		}
	}
	for i := range frames {
		events = append(events, event{at: frames[i].At, frame: &frames[i]})
	}
	for _, e := range inOrder(events, func(e event) time.Time { return e.at }) {
		if e.list != nil {
			s.holder.Reset(*e.list)
			continue
		}
		s.frame(e.frame)
	}
	s.r.checked.Tallies += s.holder.compared
}

func (s *stream) find(k Kind, f *history.Frame, format string, args ...any) {
	s.r.find(k, s.p.name, "stream %s, connection %d to %s at %s: %s", f.Client, f.Connection, f.Server,
		clock(f.At), fmt.Sprintf(format, args...))
}

func (s *stream) frame(f *history.Frame) {
	for _, b := range s.holder.apply(f.Event, f.ID, f.Data) {
		s.find(b.Kind, f, "%s", b.Text)
	}
	if f.Event == "open" {
		s.r.checked.Connections++
		s.items, s.state = nil, nil
		return
	}
	s.r.checked.Frames++
	// The holder has found all that does not decode.
	switch f.Event {
	case "item":
		var it history.Item
		if json.Unmarshal(f.Data, &it) == nil {
			if it.Audience != "" {
				s.r.checked.Notices++
			}
			s.content(f, it)
			s.items = append(s.items, it)
		}
	case "state":
		var st stateFrame
		if json.Unmarshal(f.Data, &st) == nil {
			s.state = append(s.state, st)
		}
	case "unread":
		var u unreadFrame
		if json.Unmarshal(f.Data, &u) == nil {
			s.batch(f, u)
		}
		s.items, s.state = nil, nil
	}
}

// content holds an item against the record that made it: that is true of any
// item, also of a batch that was cut short.
func (s *stream) content(f *history.Frame, it history.Item) {
	c, ok := s.p.content(it.Seq)
	switch {
	case !ok:
		s.find(Drift, f, "item %d, which no record made", it.Seq)
	case !it.Pending && (it.ID != c.ID || it.Source != c.Source || it.Audience != c.Audience || it.Category != c.Category):
		s.find(Drift, f, "item %d is %s/%s of category %q, want %s/%s of %q", it.Seq,
			it.Source, it.ID, it.Category, c.Source, c.ID, c.Category)
	}
}

// batch holds all that a batch said against the row of its version.
func (s *stream) batch(f *history.Frame, u unreadFrame) {
	row, ok := s.p.oracle.at(u.Version)
	if !ok {
		s.find(Drift, f, "version %d, which no record has", u.Version)
		return
	}
	if u.Version > 0 {
		s.r.checked.Batches++
	}
	if u.User != s.p.name {
		s.find(Other, f, "counts of user %q", u.User)
	}
	if diff := diffCounts(row, f.At, u.Counts); diff != "" {
		s.find(Drift, f, "version %d: %s", u.Version, diff)
	}
	for _, it := range s.items {
		e, ok := row.Entry(it.Seq)
		if !ok {
			s.find(Drift, f, "version %d: item %d, which is gone", u.Version, it.Seq)
		} else if want := s.p.item(e); !sameItem(it, want) {
			s.find(Drift, f, "version %d: item is\n\t%v\n\twant\n\t%v", u.Version, it, want)
		}
	}
	for _, st := range s.state {
		s.changes(f, row, st)
	}
}

// changes holds a state frame against the row. Its lists are absolute.
func (s *stream) changes(f *history.Frame, row *inbox.State, st stateFrame) {
	if st.Version != row.Version {
		s.find(Drift, f, "state of version %d in a batch of version %d", st.Version, row.Version)
	}
	all := func(list string, seqs []uint64, is func(*inbox.Entry) bool) {
		for _, seq := range seqs {
			if e, ok := row.Entry(seq); !ok || !is(e) {
				s.find(Drift, f, "version %d: state has %d as %s", row.Version, seq, list)
			}
		}
	}
	all("read", st.Read, func(e *inbox.Entry) bool { return e.Read })
	all("unread", st.Unread, func(e *inbox.Entry) bool { return !e.Read && e.Seen == slices.Contains(st.Seen, e.Seq) })
	all("seen", st.Seen, func(e *inbox.Entry) bool { return e.Seen })
	all("archived", st.Archived, func(e *inbox.Entry) bool { return e.Archived })
	for _, seq := range st.Removed {
		if e, ok := row.Entry(seq); ok && !e.Expired(f.At.Add(clockSkew)) {
			s.find(Drift, f, "version %d: state has %d as removed", row.Version, seq)
		}
	}
}

// checkHeld holds a client's belief at the end against the oracle, and against
// what each server lists.
func (p *person) checkHeld(h history.Held, r *report) {
	final := &p.oracle.final
	if final.Version > 0 {
		r.checked.Held++
	}
	if want := p.cursor(final.Version); h.Cursor != want {
		r.find(Drift, p.name, "stream client %s stands at %s at the end, want %s", h.Client, h.Cursor, want)
	}
	// Long after the run, so that nothing that can expire is left.
	if want := final.Counts(p.end()).Unread; h.Unread != want {
		r.find(Drift, p.name, "stream client %s believes in %d unread at the end, want %d", h.Client, h.Unread, want)
	}
	entries, _ := final.Page(inbox.PageQuery{Status: inbox.StatusAll, Limit: inbox.MaxCap}, p.end())
	want := make([]history.Item, len(entries))
	for i, e := range entries {
		want[i] = p.item(e)
	}
	if diff := diffHeld(h.Items, want); diff != "" {
		r.find(Drift, p.name, "stream client %s holds at the end %s of the final row", h.Client, diff)
	}
	for server, pages := range p.lists {
		if listed, ok := chain(pages, false); ok {
			if diff := diffHeld(h.Items, listed); diff != "" {
				r.find(Drift, p.name, "stream client %s holds at the end %s of the list of %s", h.Client, diff, server)
			}
		}
	}
}

// diffHeld compares what a client shows. The version of an item is that of the
// last frame about it, which may be higher than that of its last change.
func diffHeld(got, want []history.Item) string {
	same := func(a, b history.Item) bool {
		a.Version, b.Version = 0, 0
		return a == b
	}
	if slices.EqualFunc(got, want, same) {
		return ""
	}
	return fmt.Sprintf("\n\t%v\n\tinstead of\n\t%v\n\t", got, want)
}
