package wire

import (
	"encoding/json"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// Item is one item as clients get it: its content and what the user did to
// it. A pending item is one whose content has not reached the inbox table.
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
	Data      json.RawMessage `json:"data,omitempty"`
}

// NewItem describes an entry of a row with the content of the inbox table;
// item is nil if that is still missing. Texts are in a language of the answer's
// Translator.
func NewItem(e *inbox.Entry, item *inbox.Item, texts *Translator) Item {
	b := Item{
		Seq: e.Seq, Version: e.Version, Read: e.Read, Seen: e.Seen, Archived: e.Archived,
		Count: e.Count, Replaces: e.Replaces, Category: e.Category, Priority: e.Priority,
	}
	if e.ExpiresAt != 0 {
		b.ExpiresAt = time.UnixMilli(e.ExpiresAt).UTC()
	}
	if item == nil {
		b.Pending = true
		return b
	}
	b.ID, b.Source, b.Type = item.ID, item.Source, item.Type
	b.Title, b.Body = texts.text(item.Title), texts.text(item.Body)
	b.URL, b.Collapse, b.Time, b.Data = item.URL, item.CollapseKey, item.Time.UTC(), item.Data
	if item.Actor != (belfry.Actor{}) {
		b.Actor = &item.Actor
	}
	return b
}

// Encode returns the item as JSON in as many bytes as it takes.
func (i Item) Encode() ([]byte, error) {
	b, err := Encode(i)
	if err != nil {
		return Encode(i.withoutData())
	}
	return b, nil
}

// withoutData is for an item that cannot be encoded. Data is the only part that can
// fail. It was checked on its way in; an item without it serves the user better than a
// list or a stream that ends here each time.
func (i Item) withoutData() Item {
	i.Data = nil
	return i
}
