package check

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// oracle is what a user's journal leads to.
type oracle struct {
	final    inbox.State
	states   map[uint64]inbox.State // at the versions that somebody saw
	contents map[uint64]inbox.Item  // of every item that ever was
	decided  map[uint64]inbox.Outbound
	gone     map[uint64]uint64 // by seq, the version at which it was removed
}

func newOracle() oracle {
	return oracle{states: map[uint64]inbox.State{}, contents: map[uint64]inbox.Item{}, decided: map[uint64]inbox.Outbound{}, gone: map[uint64]uint64{}}
}

// at returns the state of that version. It reports false for a version that no
// record of this user has.
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

// replay fills the oracle. States are large, so it keeps only those that an
// answer is about.
func (p *person) replay(r *report) {
	wanted := p.versions()
	o := newOracle()
	if len(p.journal) > 0 {
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
		p.fold(&o, j, wanted)
	}
	p.oracle = o
}

func (p *person) fold(o *oracle, j *history.Journaled, wanted map[uint64]bool) inbox.Effects {
	state, effects := inbox.Fold(o.final, j.Record, inbox.Input{
		Position: inbox.Position{Epoch: p.epoch, Offset: j.Offset}, Time: j.Time, Base: p.base, Cap: p.cap,
		Members: inbox.DefaultFeatures.Members(),
	})
	o.final = state
	if wanted[state.Version] {
		o.states[state.Version] = state
	}
	if effects.Item != nil {
		o.contents[effects.Item.Seq] = *effects.Item
	}
	if effects.Outbound != nil {
		o.decided[effects.Outbound.Decision] = *effects.Outbound
	}
	for _, seq := range effects.Removed {
		o.gone[seq] = state.Version
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
func (o *oracle) item(e *inbox.Entry) history.Item {
	content := o.contents[e.Seq]
	return history.Item{
		Seq: e.Seq, Version: e.Version, ID: content.ID, Source: content.Source, Category: e.Category,
		Read: e.Read, Seen: e.Seen, Archived: e.Archived, Count: int(e.Count), Replaces: e.Replaces, Shown: e.Shown,
	}
}

// sameItem compares an item with what must be shown, which is never pending.
func sameItem(got, want history.Item) bool {
	if got.Pending {
		want.Pending, want.ID, want.Source = true, "", ""
	}
	return got == want
}

// retained returns the final items by their identity.
func (o *oracle) retained() map[identity]*inbox.Entry {
	out := map[identity]*inbox.Entry{}
	for i := range o.final.Items {
		e := &o.final.Items[i]
		c := o.contents[e.Seq]
		out[identity{c.Source, c.ID}] = e
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
	if a.Group != nil {
		if a.Group.Cut != b.Group.Cut || a.Group.Actor != b.Group.Actor || !slices.Equal(a.Group.Earlier, b.Group.Earlier) {
			return false
		}
		a.Group, b.Group = nil, nil
	}
	return a == b
}
