package check

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/chaos/history"
)

// oracle is what a user's journal leads to.
type oracle struct {
	stored   inbox.State            // the row at the end
	final    inbox.State            // what is shown of it then, with the notices of its partition
	states   map[uint64]inbox.State // what is shown at the versions that somebody saw
	contents map[uint64]inbox.Item  // of every item that ever was
	decided  map[uint64]inbox.Outbound
	gone     map[uint64]uint64 // by seq, the version at which it was removed
}

func newOracle() oracle {
	return oracle{states: map[uint64]inbox.State{}, contents: map[uint64]inbox.Item{}, decided: map[uint64]inbox.Outbound{}, gone: map[uint64]uint64{}}
}

// at returns what is shown at that version. It reports false for a version that no
// record has which concerns this user.
func (o *oracle) at(version uint64) (*inbox.State, bool) {
	switch version {
	case 0:
		return &inbox.State{}, true
	case o.final.Version:
		return &o.final, true
	}
	s, ok := o.states[version]
	return &s, ok
}

// replay fills all oracles: first those of the boards, which users' rows take notices from.
func replay(people map[string]*person, r *report) {
	for _, own := range []bool{true, false} {
		for _, p := range people {
			if p.own == own {
				p.replay(r)
			}
		}
	}
}

// replay fills the oracle. States are large, so it keeps only those that an
// answer is about.
func (p *person) replay(r *report) {
	wanted := slices.Sorted(maps.Keys(p.versions()))
	o := newOracle()
	if len(p.journal) > 0 && !p.own {
		r.checked.Users++
	}
	for i := range p.journal {
		j := &p.journal[i]
		if i > 0 && j.Partition != p.journal[0].Partition {
			r.find(Other, p.name, "records in the partitions %d and %d", p.journal[0].Partition, j.Partition)
			continue
		}
		if i > 0 && j.Offset <= p.journal[i-1].Offset {
			r.find(Other, p.name, "journal offset %d after %d", j.Offset, p.journal[i-1].Offset)
			continue
		}
		if j.Unreadable {
			continue
		}
		wanted = p.show(&o, wanted, p.notices.at(0).State.Base+uint64(j.Offset)+1)
		p.fold(&o, j)
	}
	p.show(&o, wanted, board.Now)
	if !p.own {
		o.final = p.notices.last().Show(o.stored)
	}
	p.oracle = o
}

// show keeps what is shown at those of the versions, which rise, that are below before,
// the version of the next record of the user. It returns the others.
func (p *person) show(o *oracle, wanted []uint64, before uint64) []uint64 {
	for len(wanted) > 0 && wanted[0] < before {
		if s := p.notices.at(wanted[0]).Show(o.stored); s.Version == wanted[0] {
			o.states[wanted[0]] = s
		}
		wanted = wanted[1:]
	}
	return wanted
}

// fold applies a record to what is stored.
func (p *person) fold(o *oracle, j *history.Journaled) inbox.Effects {
	var effects inbox.Effects
	if p.own {
		effects = p.foldNotice(o, j)
	} else {
		b, stored := p.notices.at(p.notices.at(0).State.Base+uint64(j.Offset)), o.stored
		in := inbox.Input{
			Position: inbox.Position{Epoch: p.epoch, Offset: j.Offset}, Time: j.Time, Base: b.State.Base, Cap: p.cap, Keep: b.Keep,
			Members: inbox.DefaultFeatures.Members(),
		}
		if b.Keep > 0 {
			stored = board.Advance(stored, b, in.Base+uint64(j.Offset)+1)
		}
		o.stored, effects = inbox.Fold(stored, j.Record, in)
		o.final = o.stored
	}
	if effects.Item != nil {
		o.contents[effects.Item.Seq] = *effects.Item
	}
	if effects.Outbound != nil {
		o.decided[effects.Outbound.Decision] = *effects.Outbound
	}
	for _, seq := range effects.Removed {
		o.gone[seq] = o.stored.Version
	}
	return effects
}

// versions are those that somebody saw.
func (p *person) versions() map[uint64]bool {
	wanted := map[uint64]bool{}
	for _, a := range p.polled {
		wanted[a.Cursor.Version] = true
	}
	for _, l := range p.listed {
		wanted[l.Version] = true
	}
	for _, f := range p.frames {
		if f.Event != "unread" {
			continue
		}
		var data versionFrame
		if json.Unmarshal(f.Data, &data) == nil { // if not, the stream's check says so
			wanted[data.Version] = true
		}
	}
	return wanted
}

// clockSkew is how far the server's clock at an answer may be from the client's
// when it has the answer. It matters only where items expire or wake.
const clockSkew = 10 * time.Second

// moments are the times at which an answer that came at a given time may have
// been made, as far as they make a difference for s.
func moments(s *inbox.State, at time.Time) []time.Time {
	times := []time.Time{at}
	for i := range s.Items {
		e := &s.Items[i]
		for _, ms := range [...]int64{e.ExpiresAt, e.Until} {
			passed := time.UnixMilli(ms)
			if d := passed.Sub(at); ms != 0 && d.Abs() <= clockSkew {
				times = append(times, passed, passed.Add(-time.Millisecond))
			}
		}
	}
	return times
}

// item is what a client must be shown of e.
func (p *person) item(e *inbox.Entry) history.Item {
	content, _ := p.content(e.Seq)
	it := history.Item{
		Seq: e.Seq, Version: e.Version, ID: content.ID, Source: content.Source, Audience: content.Audience, Category: e.Category,
		Read: e.Read, Seen: e.Seen, Archived: e.Archived, Count: int(e.Count), Replaces: e.Replaces, Shown: e.Shown,
	}
	if e.Shared != nil && e.Place() > e.Seq {
		it.Shown = e.Place() // the board's, or the user's own
	}
	return it
}

// content is what a record has made, of the user's or of the board.
func (p *person) content(seq uint64) (inbox.Item, bool) {
	if c, ok := p.oracle.contents[seq]; ok {
		return c, true
	}
	c, ok := p.notices.contents[seq]
	return c, ok
}

// sameItem compares an item with what must be shown, which is never pending.
func sameItem(got, want history.Item) bool {
	if got.Pending {
		want.Pending, want.ID, want.Source, want.Audience = true, "", "", ""
	}
	return got == want
}

// retained returns the user's own final items by their identity.
func (o *oracle) retained() map[identity]*inbox.Entry {
	out := map[identity]*inbox.Entry{}
	for i := range o.final.Items {
		if e := &o.final.Items[i]; e.Shared == nil {
			c := o.contents[e.Seq]
			out[identity{c.Source, c.ID}] = e
		}
	}
	return out
}

// identity is by what a sender knows a notification.
type identity struct{ source, id string }

func (i identity) String() string { return i.source + "/" + i.id }

// sameRow compares rows but for the difference between nil and empty, and for
// what a newer Belfry wrote.
func sameRow(a, b *inbox.State) bool {
	return a.Epoch == b.Epoch && a.Base == b.Base && a.Version == b.Version && a.Horizon == b.Horizon &&
		slices.EqualFunc(a.Items, b.Items, sameEntry) && slices.Equal(a.Mutes, b.Mutes) && slices.Equal(a.Removals, b.Removals) && slices.Equal(a.Watermarks, b.Watermarks) &&
		slices.Equal(a.Topics, b.Topics) && a.Joined == b.Joined &&
		sameReach(a.Reach, b.Reach)
}

// sameReach compares all that rows hold of reaching their users.
func sameReach(a, b *inbox.Reach) bool {
	if a == nil || b == nil {
		return a == b
	}
	return bytes.Equal(a.Prefs, b.Prefs) && a.PrefsVersion == b.PrefsVersion && a.EndpointsVersion == b.EndpointsVersion &&
		slices.Equal(a.Endpoints, b.Endpoints) && slices.Equal(a.Gone, b.Gone) && slices.Equal(a.From, b.From) &&
		slices.EqualFunc(a.Channels, b.Channels, func(a, b inbox.ChannelState) bool {
			return a.Name == b.Name && a.Kind == b.Kind && a.Changed == b.Changed && a.Attempt == b.Attempt && a.NotBefore == b.NotBefore && slices.Equal(a.Decisions, b.Decisions)
		}) &&
		slices.EqualFunc(a.Items, b.Items, func(a, b inbox.ItemReach) bool {
			return a.Seq == b.Seq && a.Since == b.Since && slices.Equal(a.Told, b.Told)
		})
}

// sameEntry compares items with what they keep of their collapse keys.
func sameEntry(a, b inbox.Entry) bool {
	if (a.Group == nil) != (b.Group == nil) {
		return false
	}
	if a.Shared != nil && b.Shared != nil {
		a, b = ownOf(a), ownOf(b)
	}
	if a.Group != nil {
		if a.Group.Cut != b.Group.Cut || a.Group.Actor != b.Group.Actor || !slices.Equal(a.Group.Earlier, b.Group.Earlier) {
			return false
		}
		a.Group, b.Group = nil, nil
	}
	return a == b
}

// ownOf is what a row keeps of a notice: what its user did to it.
func ownOf(e inbox.Entry) inbox.Entry {
	return inbox.Entry{
		Seq: e.Seq, Version: e.Version, Unarchived: e.Unarchived, Hash: e.Shared.Audience, Until: e.Until, Shown: e.Shown,
		Read: e.Read, Seen: e.Seen, Archived: e.Archived, Muted: e.Muted,
	}
}
