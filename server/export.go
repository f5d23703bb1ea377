package server

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// exportItem is an item with its texts in all languages.
type exportItem struct {
	wire.Item
	Title belfry.Text `json:"title,omitempty"`
	Body  belfry.Text `json:"body,omitempty"`
}

// getExport answers GET /v1/users/{user}/export: all that is kept of a user as
// NDJSON, one JSON value a line. The first is the badge, the rest are the items,
// oldest first, archived and expired ones included.
func (s *Server) getExport(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	version, err := wire.KnownVersion(wire.Condition{}, query)
	if err != nil {
		return err
	}
	l, err := s.awaitListing(r.Context(), c.User, version, everything)
	if err != nil {
		return err
	}
	wire.Begin(w, "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(wire.NewBadge(c.User, l.row.Badge(l.now))); err != nil {
		return nil // the client has gone
	}
	for i, e := range l.entries {
		line := exportItem{Item: wire.NewItem(e, l.items[i], nil)}
		if item := l.items[i]; item != nil {
			line.Title, line.Body = item.Title, item.Body
		}
		if err := enc.Encode(line); err != nil {
			return nil // the client has gone
		}
	}
	return nil
}

// everything selects all items of a row.
func everything(row *inbox.State, _ time.Time) ([]*inbox.Entry, uint64) {
	entries := make([]*inbox.Entry, len(row.Items))
	for i := range row.Items {
		entries[i] = &row.Items[i]
	}
	return entries, 0
}
