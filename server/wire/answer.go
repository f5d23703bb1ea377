package wire

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/belfry/belfry/inbox"
)

// Begin sets what all JSON answers have in common. Badges and inboxes are for
// one reader, who must ask each time whether they are still true.
func Begin(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", CachePrivate)
	h.Set("X-Content-Type-Options", NoSniff)
}

// Values of headers.
const (
	CachePrivate = "private, no-cache"
	NoSniff      = "nosniff"
)

// Respond writes a whole JSON answer.
func Respond(w http.ResponseWriter, status int, v any) {
	Begin(w, "application/json")
	w.WriteHeader(status)
	WriteJSON(w, v)
}

// RespondBadge writes a user's badge with its entity tag.
func RespondBadge(w http.ResponseWriter, status int, user string, badge inbox.Badge) {
	w.Header().Set("ETag", Tag(badge.Stamp))
	Respond(w, status, NewBadge(user, badge))
}

// NotModified writes the answer to a client that has the representation of tag.
func NotModified(w http.ResponseWriter, tag string) {
	Begin(w, "application/json")
	// RFC 9110 section 15.4.5: no header that describes a body.
	w.Header().Del("Content-Type")
	w.Header().Set("ETag", tag)
	w.WriteHeader(http.StatusNotModified)
}

// Encode returns v as JSON in as many bytes as it takes.
func Encode(v any) ([]byte, error) {
	b, err := appendJSON(make([]byte, 0, 512), v, false)
	return bytes.Clone(b), err
}

// Shown is a value as JSON, for people; null for one that cannot be encoded.
func Shown(v any) json.RawMessage {
	b, err := Encode(v)
	if err != nil {
		return json.RawMessage(`null`)
	}
	return b
}

// WriteJSON ends an answer. Errors are those of a client that has gone, or of a
// value that cannot be encoded, which tests would show.
func WriteJSON(w http.ResponseWriter, v any) {
	b, err := appendJSON(nil, v, false)
	if err == nil {
		_, _ = w.Write(append(b, '\n'))
	}
}
