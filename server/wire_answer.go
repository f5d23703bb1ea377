package server

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/belfry/belfry/inbox"
)

// begin sets what all JSON answers have in common. Badges and inboxes are for
// one reader, who must ask each time whether they are still true.
func begin(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cachePrivate)
	h.Set("X-Content-Type-Options", noSniff)
}

// Values of headers.
const (
	cachePrivate = "private, no-cache"
	noSniff      = "nosniff"
)

// respond writes a whole JSON answer.
func respond(w http.ResponseWriter, status int, v any) {
	begin(w, "application/json")
	w.WriteHeader(status)
	writeJSON(w, v)
}

// respondUnread writes a user's badge.
func respondUnread(w http.ResponseWriter, status int, user string, row *inbox.State, now time.Time) {
	badge := row.Badge(now)
	respondBadge(w, status, user, &badge)
}

func respondBadge(w http.ResponseWriter, status int, user string, badge *inbox.Badge) {
	w.Header().Set("ETag", stampTag(badge.Stamp))
	respond(w, status, newBadgeBody(user, badge))
}

// notModified writes the answer to a client that has the representation of tag.
func notModified(w http.ResponseWriter, tag string) {
	begin(w, "application/json")
	// RFC 9110 section 15.4.5: no header that describes a body.
	w.Header().Del("Content-Type")
	w.Header().Set("ETag", tag)
	w.WriteHeader(http.StatusNotModified)
}

// writeJSON ends an answer. Errors are those of a client that has gone, or of a
// value that cannot be encoded, which tests would show.
func writeJSON(w http.ResponseWriter, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}
