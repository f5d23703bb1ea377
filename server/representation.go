package server

import (
	"encoding/json"
	"time"

	"golang.org/x/text/language"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// unreadBody is the badge as clients get it.
type unreadBody struct {
	User    string `json:"user"`
	Version uint64 `json:"version"`
	Cursor  string `json:"cursor"`
	inbox.Counts
}

func newUnreadBody(user string, row *inbox.State, now time.Time) unreadBody {
	badge := row.Badge(now)
	return newBadgeBody(user, &badge)
}

func newBadgeBody(user string, b *inbox.Badge) unreadBody {
	return unreadBody{User: user, Version: b.Cursor.Version, Cursor: b.Cursor.String(), Counts: b.Counts}
}

// itemBody is one item as clients get it: its content and what the user did to
// it. A pending item is one whose content has not reached the inbox table.
type itemBody struct {
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

// newItemBody describes an entry of a row with the content of the inbox table;
// item is nil if that is still missing.
func newItemBody(e *inbox.Entry, item *inbox.Item, prefer languages) itemBody {
	b := itemBody{
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
	b.Title, b.Body = prefer.choose(item.Title), prefer.choose(item.Body)
	b.URL, b.Collapse, b.Time, b.Data = item.URL, item.CollapseKey, item.Time.UTC(), item.Data
	if item.Actor != (belfry.Actor{}) {
		b.Actor = &item.Actor
	}
	return b
}

// etag is the strong entity tag of what a row shows at now (RFC 9110 section
// 8.8.3): its cursor and how many of its items have expired since it was
// written.
func etag(row *inbox.State, now time.Time) string { return stampTag(row.Stamp(now)) }

func stampTag(s inbox.Stamp) string { return `"` + s.String() + `"` }

// languages is a client's preference, the best first.
type languages []language.Tag

// parseLanguages reads an Accept-Language header (RFC 9110 section 12.5.4). A
// malformed one is no preference.
func parseLanguages(header string) languages {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return nil
	}
	return tags
}

// choose returns the text in the language that the client likes best. Without
// a match it is the text without a language, else English, else the first by
// name, so that the answer does not change from call to call.
func (l languages) choose(t belfry.Text) string {
	if s, ok := t[""]; ok && len(t) == 1 || len(t) == 0 {
		return s
	}
	names := t.Languages()
	var offered []language.Tag
	var texts []string
	offer := func(tag language.Tag, s string) {
		offered, texts = append(offered, tag), append(texts, s)
	}
	// The matcher falls back to the first tag offered.
	if s, ok := t[""]; ok {
		offer(language.Und, s)
	} else if s, ok := t["en"]; ok {
		offer(language.English, s)
	}
	for _, name := range names {
		if tag, err := language.Parse(name); err == nil {
			offer(tag, t[name])
		}
	}
	if len(offered) == 0 {
		return t[names[0]]
	}
	_, i, _ := language.NewMatcher(offered).Match(l...)
	return texts[i]
}
