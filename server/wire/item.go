package wire

import (
	"encoding/json"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// Item is one item as clients get it: its content and what the user did to
// it. A pending item is one of whose content something has not reached the inbox table.
type Item struct {
	Seq       uint64          `json:"seq"`
	Version   uint64          `json:"version"`
	Read      bool            `json:"read"`
	Seen      bool            `json:"seen"`
	Archived  bool            `json:"archived"`
	Count     uint32          `json:"count"`
	Replaces  uint64          `json:"replaces,omitempty"`
	Pending   bool            `json:"pending,omitempty"`
	ID        string          `json:"id,omitempty"`
	Source    string          `json:"source,omitempty"`
	Type      string          `json:"type,omitempty"`
	Category  string          `json:"category,omitempty"`
	Priority  belfry.Priority `json:"priority"`
	Title     string          `json:"title,omitempty"`
	Body      string          `json:"body,omitempty"`
	URL       string          `json:"url,omitempty"`
	Actor     *belfry.Actor   `json:"actor,omitempty"`
	Collapse  string          `json:"collapse_key,omitempty"`
	Time      time.Time       `json:"time,omitzero"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
	Until     time.Time       `json:"until,omitzero"`   // when it shows, while it is hidden
	WokeAt    time.Time       `json:"woke_at,omitzero"` // when it did
	Shown     uint64          `json:"shown,omitempty"`  // version at which that, or its coming back, was settled
	Audience  string          `json:"audience,omitempty"`
	Actors    *Actors         `json:"actors,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// Actors are the people behind an item that stands for several notifications.
type Actors struct {
	Count  int     `json:"count"` // different ones, exact unless More
	More   bool    `json:"more"`  // there were earlier notifications, by whom is not kept
	Latest []Actor `json:"latest"`
}

// Actor is one of these: its id and name are cut after [inbox.MaxActorBytes].
type Actor struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Contents returns what the inbox table holds of the arrival of a seq, nil if that is
// still missing.
type Contents func(seq uint64) *inbox.Item

// NewItem describes an entry of a row at now with what the inbox table holds. Texts are
// in a language of the answer's Translator.
func NewItem(e *inbox.Entry, contents Contents, texts *Translator, now time.Time) Item {
	b := Item{
		Seq: e.Seq, Version: e.Version, Read: e.Read, Seen: e.Seen, Archived: e.Archived,
		Count: e.Count, Replaces: e.Replaces, Category: e.Category, Priority: e.Priority,
	}
	if e.ExpiresAt != 0 {
		b.ExpiresAt = time.UnixMilli(e.ExpiresAt).UTC()
	}
	switch {
	case e.Hidden(now):
		b.Until = time.UnixMilli(e.Until).UTC()
	case e.Until != 0:
		b.WokeAt = time.UnixMilli(e.Until).UTC()
	}
	b.Shown = e.Shown
	if e.Shared != nil && e.Shared.Place > e.Seq && (e.Until == 0 || e.Shown != 0) {
		b.Shown = max(e.Shared.Place, e.Shown) // it was hidden from all of them
	}
	actors, whole := newActors(e, contents)
	item := contents(e.Seq)
	b.Actors, b.Pending = actors, !whole || item == nil
	if item == nil {
		return b
	}
	b.ID, b.Source, b.Type = item.ID, item.Source, item.Type
	b.Title, b.Body = texts.text(item.Title), texts.text(item.Body)
	b.URL, b.Collapse, b.Time, b.Data = item.URL, item.CollapseKey, item.Time.UTC(), item.Data
	b.Audience = item.Audience
	if item.Actor != (belfry.Actor{}) {
		b.Actor = &item.Actor
	}
	return b
}

// Lacks reports whether the item of e is pending.
func Lacks(e *inbox.Entry, contents Contents) bool {
	_, whole := newActors(e, contents)
	return !whole || contents(e.Seq) == nil
}

// newActors returns the people behind an entry, nil where it stands for one
// notification or where nobody is known. It reports false if one of them is left out
// because a content is missing that tells who it is.
func newActors(e *inbox.Entry, contents Contents) (actors *Actors, whole bool) {
	if e.Count < 2 || e.Group == nil {
		return nil, true
	}
	people := e.People()
	if people.Count == 0 {
		return nil, true
	}
	out := &Actors{Count: people.Count, More: people.More, Latest: make([]Actor, 0, len(people.Latest))}
	whole = true
	for _, p := range people.Latest {
		a := p.Actor
		if a.ID == "" && a.Name == "" {
			item := contents(p.Seq)
			if item == nil {
				whole = false
				continue
			}
			a = inbox.ActorOf(item.Actor)
		}
		if a.ID != "" || a.Name != "" {
			out.Latest = append(out.Latest, Actor{a.ID, a.Name})
		}
	}
	return out, whole
}
