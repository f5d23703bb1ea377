package belfry

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a notification, in bytes of UTF-8.
const (
	MaxCategoryBytes = 64
	MaxNameBytes     = 256       // id, source, type, collapse_key, actor.id, actor.name
	MaxURLBytes      = 2048      // url, actor.avatar
	MaxItemBytes     = 64 * 1024 // all texts and data together
)

// Notification is what a sender wants a recipient to know, or all of an audience.
// Title is required, and either Recipient or Audience; everything else may be zero.
type Notification struct {
	ID          string          `json:"id,omitempty"`
	Recipient   string          `json:"recipient,omitempty"`
	Source      string          `json:"source,omitempty"`
	Type        string          `json:"type,omitempty"`
	Category    string          `json:"category,omitempty"`
	Priority    Priority        `json:"priority,omitzero"`
	Title       Text            `json:"title,omitempty"`
	Body        Text            `json:"body,omitempty"`
	URL         string          `json:"url,omitempty"`
	Actor       Actor           `json:"actor,omitzero"`
	CollapseKey string          `json:"collapse_key,omitempty"`
	Time        time.Time       `json:"time,omitzero"`
	ExpiresAt   time.Time       `json:"expires_at,omitzero"` // never, if zero; whole milliseconds count
	DeliverAt   time.Time       `json:"deliver_at,omitzero"` // at once, if zero or past; whole milliseconds count
	Data        json.RawMessage `json:"data,omitempty"`      // a JSON object or nil

	// Audience is whom a notice is for (see [CheckAudience]), which has no Recipient. A
	// notice expires within MaxNoticeStay.
	Audience string `json:"audience,omitempty"`

	// Extra holds the fields, as encoded, that a newer Belfry wrote and this
	// one does not know, so that passing a notification on loses nothing.
	Extra []byte `json:"-"`
}

// Actor is who caused a notification.
type Actor struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	Avatar string `json:"avatar,omitempty"` // http(s) or relative URL
}

// Retraction takes notifications back: the one of Source and ID, or the ones
// shown under CollapseKey.
type Retraction struct {
	Recipient   string `json:"recipient,omitempty"`
	Source      string `json:"source,omitempty"`
	ID          string `json:"id,omitempty"`
	CollapseKey string `json:"collapse_key,omitempty"`
	Audience    string `json:"audience,omitempty"` // of a notice, which has no Recipient
}

// Check returns a [*FieldError] for the first thing wrong with n, or nil. That
// deliver_at, and the expiry of a notice, are not too far ahead is by this process's clock.
func (n *Notification) Check() error {
	if err := checkAddressee(n.Recipient, n.Audience); err != nil {
		return err
	}
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"id", n.ID, MaxNameBytes}, {"source", n.Source, MaxNameBytes},
		{"type", n.Type, MaxNameBytes}, {"category", n.Category, MaxCategoryBytes},
		{"collapse_key", n.CollapseKey, MaxNameBytes},
		{"actor.id", n.Actor.ID, MaxNameBytes}, {"actor.name", n.Actor.Name, MaxNameBytes},
	} {
		if err := checkName(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	if n.Priority < PriorityLow || n.Priority > PriorityUrgent {
		return Invalid("priority", "must be low, normal, high or urgent, not %d", int8(n.Priority))
	}
	if n.Title.empty() {
		return Invalid("title", "is required: a text or an object of language to text")
	}
	if err := n.Title.check("title"); err != nil {
		return err
	}
	if n.Audience != "" && n.Title.blank() {
		return Invalid("title", "must not be blank, in any of its languages: everybody would see a line without words")
	}
	if err := n.Body.check("body"); err != nil {
		return err
	}
	if err := checkTime("time", n.Time); err != nil {
		return err
	}
	if err := checkTime("expires_at", n.ExpiresAt); err != nil {
		return err
	}
	if !n.DeliverAt.IsZero() || n.Audience != "" {
		now := time.Now()
		if err := n.checkDeliverAt(now); err != nil {
			return err
		}
		if err := n.checkStay(now); err != nil {
			return err
		}
	}
	if err := checkURL("url", n.URL); err != nil {
		return err
	}
	if err := checkURL("actor.avatar", n.Actor.Avatar); err != nil {
		return err
	}
	if size := n.Size(); size > MaxItemBytes {
		return &FieldError{Field: n.largest(), TooLarge: true, Problem: tooLarge(size)}
	}
	return checkData("data", n.Data)
}

// Size is the number of bytes that count against [MaxItemBytes].
func (n *Notification) Size() int {
	return len(n.ID) + len(n.Source) + len(n.Type) + len(n.Category) + len(n.URL) +
		len(n.Actor.ID) + len(n.Actor.Name) + len(n.Actor.Avatar) + len(n.CollapseKey) +
		n.Title.size() + n.Body.size() + len(n.Data)
}

// largest names the field to shorten in a notification that is too large: all
// others have limits of their own, far below.
func (n *Notification) largest() string {
	field, most := "title", n.Title.size()
	if size := n.Body.size(); size > most {
		field, most = "body", size
	}
	if len(n.Data) > most {
		field = "data"
	}
	return field
}

// Check returns a [*FieldError] for the first thing wrong with r, or nil.
func (r *Retraction) Check() error {
	if err := checkAddressee(r.Recipient, r.Audience); err != nil {
		return err
	}
	if err := checkName("source", r.Source, MaxNameBytes); err != nil {
		return err
	}
	if err := checkName("id", r.ID, MaxNameBytes); err != nil {
		return err
	}
	if err := checkName("collapse_key", r.CollapseKey, MaxNameBytes); err != nil {
		return err
	}
	if (r.ID == "") == (r.CollapseKey == "") {
		return Invalid("id", "a retraction needs either id (with source) or collapse_key")
	}
	return nil
}

func checkName(field, s string, limit int) error {
	switch {
	case len(s) > limit:
		return Invalid(field, "must be at most %d bytes, has %d", limit, len(s))
	case isPrintable(s):
		return nil
	case !utf8.ValidString(s):
		return Invalid(field, "must be UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return Invalid(field, "must not contain control characters")
	}
	return nil
}

// isPrintable reports a text of printable ASCII alone, as most names are.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// NoTime reports whether a time is one that programs write where there is none:
// in the year 1 or before, in the year 9999 or after, or 1970-01-01 00:00:00; each
// in the time's own zone or in UTC.
func NoTime(t time.Time) bool {
	if u := t.Unix(); u > surelySome && u < surelySome+secondsOf7000Years {
		return false
	}
	for _, t := range [...]time.Time{t, t.UTC()} {
		if y := t.Year(); y <= 1 || y >= 9999 {
			return true
		}
		if y, month, day := t.Date(); y == 1970 && month == time.January && day == 1 {
			if hour, minute, second := t.Clock(); hour+minute+second+t.Nanosecond() == 0 {
				return true
			}
		}
	}
	return false
}

// A time of the 7,000 years from 1972 on is in none of the years that stand for no time,
// whatever its zone.
const (
	surelySome         = 2 * 365 * 24 * 60 * 60
	secondsOf7000Years = 7000 * 365 * 24 * 60 * 60
)

// checkTime refuses what does not survive being stored as milliseconds since
// 1970 and written in RFC 3339, which ends with the year 9999 in UTC: one such
// item would make every list that holds it impossible to write.
func checkTime(field string, t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if year := t.UTC().Year(); year < 1970 || year > 9999 {
		return Invalid(field, "must be a time such as 2026-01-31T09:00:00Z (RFC 3339), from 1970 to 9999")
	}
	return nil
}

// CheckAhead returns a [*FieldError] for the field if at is more than a year after now,
// or nil: nobody waits so long for a message, but many a program takes milliseconds
// for seconds.
func CheckAhead(field string, at, now time.Time) error {
	if most := now.AddDate(1, 0, 0); at.After(most) {
		return Invalid(field, "must be at most a year ahead, not after %s", most.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkDeliverAt refuses what would come too late to be read, or in more than a year.
func (n *Notification) checkDeliverAt(now time.Time) error {
	if n.DeliverAt.IsZero() {
		return nil
	}
	if err := checkTime("deliver_at", n.DeliverAt); err != nil {
		return err
	}
	if err := CheckAhead("deliver_at", n.DeliverAt, now); err != nil {
		return err
	}
	if !n.ExpiresAt.IsZero() && !n.DeliverAt.Before(n.ExpiresAt) {
		return Invalid("deliver_at", "must be before expires_at: it would never be shown")
	}
	return nil
}

// checkURL lets through what a page may safely put into href or src: http,
// https, or a path, query or fragment on the page's own origin. "//host" and
// backslashes, which browsers read as slashes, would leave that origin.
func checkURL(field, s string) error {
	if s == "" || isPlainPath(s) {
		return nil
	}
	if err := checkName(field, s, MaxURLBytes); err != nil {
		return err
	}
	const want = "must be an http(s) URL or relative to the page (a path, not //host)"
	u, err := url.Parse(s)
	if err != nil || strings.ContainsAny(s, "\\ \t") || u.User != nil {
		return Invalid(field, want)
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host == "" {
			return Invalid(field, want)
		}
	case "":
		if u.Host != "" || strings.HasPrefix(s, "//") {
			return Invalid(field, want)
		}
	default:
		return Invalid(field, want)
	}
	return nil
}

// isPlainPath reports a path of this origin that needs no look at each of its parts, as
// most URLs of notifications are.
func isPlainPath(s string) bool {
	if len(s) > MaxURLBytes || s[0] != '/' || strings.HasPrefix(s, "//") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '/', c == '-', c == '_', c == '.', c == '=', c == '?', c == '&', c == '#':
		default:
			return false
		}
	}
	return true
}
