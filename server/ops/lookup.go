package ops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

const (
	// defaultJournalSince is how far back the journal of a look-up goes.
	defaultJournalSince = 48 * time.Hour
	// maxJournalSteps bounds what one look-up answers.
	maxJournalSteps = 1000
	// journalPatience bounds one reading of a journal.
	journalPatience = 45 * time.Second
	// journalsAtOnce is how many journals a server reads at a time: each is a
	// partition of Kafka from its start to its end.
	journalsAtOnce = 2
)

// lookup is what the tables hold of one user, and where each number comes from.
type lookup struct {
	User       string       `json:"user"`
	Version    uint64       `json:"version"`
	Cursor     string       `json:"cursor"`
	Epoch      uint32       `json:"epoch"`
	Base       uint64       `json:"base"`
	Horizon    uint64       `json:"horizon"`
	Counts     inbox.Counts `json:"counts"`
	Items      []lookupItem `json:"items"` // newest first
	Removals   int          `json:"removals"`
	Sources    int          `json:"sources"`               // that the row has watermarks of
	Streams    int          `json:"streams"`               // open on this server
	Contents   bool         `json:"contents"`              // whether titles are shown
	Missing    int          `json:"missing"`               // contents that are not there, of items and of what they keep
	ReadAt     time.Time    `json:"read_at"`               // when the tables were read
	NextExpiry *time.Time   `json:"next_expiry,omitempty"` // or wake
	Mutes      []wire.Mute  `json:"mutes,omitempty"`
}

// lookupItem is one item of the row.
type lookupItem struct {
	Seq     uint64 `json:"seq"`
	Version uint64 `json:"version"`
	State   string `json:"state"` // unread, seen, read, archived, hidden or expired
	// CountsIn are the numbers of the badge that it is one of: unread, unseen,
	// urgent.
	CountsIn  []string   `json:"counts_in"`
	Audience  string     `json:"audience,omitempty"` // of a notice; what is the user's alone has none
	Category  string     `json:"category,omitempty"`
	Priority  string     `json:"priority"`
	Count     uint32     `json:"count"`
	Replaces  uint64     `json:"replaces,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Until     *time.Time `json:"until,omitempty"`     // when it shows, or has shown
	Scheduled bool       `json:"scheduled,omitempty"` // hidden by its sender, not by the user
	Muted     bool       `json:"muted,omitempty"`     // its category was when it arrived
	Earlier   []uint64   `json:"earlier,omitempty"`   // notifications that it keeps besides its own
	Content   bool       `json:"content"`             // whether the inbox table has it
	Source    string     `json:"source,omitempty"`
	ID        string     `json:"id,omitempty"`
	Title     string     `json:"title,omitempty"` // if asked for
}

// Lookup answers GET /v1/ops/users/{user}.
func (s *Calls) Lookup(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	_, texts, err := parseContents(r)
	if err != nil {
		return err
	}
	l, err := s.lookup(c.User, texts, time.Now())
	if err != nil {
		return err
	}
	if texts {
		s.tellOfTexts(c, "inbox", c.User, len(l.Items))
	}
	wire.Respond(w, http.StatusOK, l)
	return nil
}

func (s *Calls) lookup(user string, texts bool, now time.Time) (*lookup, error) {
	row, err := s.config.Row(user)
	if err != nil {
		return nil, err
	}
	stored, err := s.config.Stored(user)
	if err != nil {
		return nil, err
	}
	l := &lookup{
		User: user, Version: row.Version, Cursor: row.Cursor().String(), Epoch: row.Epoch, Base: row.Base, Horizon: row.Horizon,
		Counts: row.Counts(now), Items: []lookupItem{}, Removals: len(stored.Removals), Sources: len(row.Watermarks),
		Streams: s.config.Streams(user), Contents: texts, ReadAt: now.UTC(), Mutes: wire.NewMutes(&row),
	}
	if at, ok := row.NextChange(now); ok {
		l.NextExpiry = new(at.UTC())
	}
	for i := range slices.Backward(row.Items) {
		e := &row.Items[i]
		item, ok, err := s.config.Item(user, e.Seq)
		if err != nil {
			return nil, err
		}
		if !ok {
			l.Missing++
		}
		for _, m := range e.Earlier() {
			if _, ok, err := s.config.Item(user, m.Seq); err != nil {
				return nil, err
			} else if !ok {
				l.Missing++
			}
		}
		l.Items = append(l.Items, newLookupItem(&row, e, &item, ok, texts, now))
	}
	return l, nil
}

func newLookupItem(row *inbox.State, e *inbox.Entry, item *inbox.Item, content, texts bool, now time.Time) lookupItem {
	out := lookupItem{
		Seq: e.Seq, Version: e.Version, State: e.Status(now), CountsIn: countsIn(e, now), Category: e.Category,
		Priority: e.Priority.String(), Count: e.Count, Replaces: e.Replaces, Content: content, Source: item.Source, ID: item.ID,
		Scheduled: e.Born, Muted: e.Muted, Audience: row.AudienceOf(e, item),
	}
	if e.ExpiresAt != 0 {
		out.ExpiresAt = new(time.UnixMilli(e.ExpiresAt).UTC())
	}
	if e.Until != 0 {
		out.Until = new(time.UnixMilli(e.Until).UTC())
	}
	for _, m := range e.Earlier() {
		out.Earlier = append(out.Earlier, m.Seq)
	}
	if texts {
		out.Title = item.Title.Any()
	}
	return out
}

// countsIn asks the domain what one item adds to a badge.
func countsIn(e *inbox.Entry, now time.Time) []string {
	var c inbox.Counts
	c.Add(e, now)
	out := []string{}
	for name, n := range map[string]int{"unread": c.Unread, "unseen": c.Unseen, "urgent": c.Urgent} {
		if n > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Journal answers GET /v1/ops/users/{user}/journal.
func (s *Calls) Journal(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	query, texts, err := parseContents(r)
	if err != nil {
		return err
	}
	since := defaultJournalSince
	if query.Has("since") {
		if since, err = time.ParseDuration(query.Get("since")); err != nil || since <= 0 {
			return belfry.Invalid("since", "must be a time span such as 48h, not %.40q", query.Get("since"))
		}
	}
	if s.config.Journals == nil {
		return ErrNoPart
	}
	select {
	case s.journals <- struct{}{}:
		defer func() { <-s.journals }()
	default:
		return ErrBusy
	}
	row, err := s.config.Stored(c.User)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), journalPatience)
	defer cancel()
	q := inbox.RefoldQuery{Since: time.Now().Add(-since), Most: maxJournalSteps, Texts: texts}
	refold, err := s.config.Journals.Refold(ctx, c.User, row, q)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("read the journal within %s: %w", journalPatience, err)
	case err != nil:
		return unasked(r.Context(), fmt.Errorf("read the journal: %w", err))
	}
	if texts {
		s.tellOfTexts(c, "journal", c.User, len(refold.Steps))
	}
	wire.Respond(w, http.StatusOK, refold)
	return nil
}

// parseContents returns the query of r, and whether it asks for what is people's
// own.
func parseContents(r *http.Request) (query url.Values, texts bool, err error) {
	query, err = wire.ParseQuery(r)
	if v := query.Get("contents"); err == nil && query.Has("contents") && v != "0" && v != "1" {
		err = belfry.Invalid("contents", "must be 0 or 1, not %.40q", v)
	}
	return query, query.Get("contents") == "1", err
}
