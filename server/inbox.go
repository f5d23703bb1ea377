package server

import (
	"net/http"
	"net/url"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// inboxBody is a page of an inbox as clients get it.
type inboxBody struct {
	User    string      `json:"user"`
	Version uint64      `json:"version"`
	Cursor  string      `json:"cursor"`
	Unread  int         `json:"unread"`
	Items   []wire.Item `json:"items"`
	Next    string      `json:"next,omitempty"`
}

// getInbox answers GET /v1/users/{user}/inbox: a page of items.
func (s *Server) getInbox(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	w.Header().Add("Vary", "Accept-Language")
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	page, err := parsePage(query)
	if err != nil {
		return err
	}
	seen := wire.ParseCondition(r)
	version, err := s.logs.known(r.Context(), c.User, seen, query)
	if err != nil {
		return err
	}
	l, err := s.awaitListing(r.Context(), c.User, version, func(row *inbox.State, now time.Time) ([]*inbox.Entry, inbox.Place) {
		return row.Page(page, now)
	})
	if err != nil {
		return err
	}
	language := r.Header.Get("Accept-Language")
	// A list that lacks content will be complete without a new version: nobody may
	// keep it.
	if l.pending == 0 {
		tag := wire.LanguageTag(wire.Tag(l.row.Stamp(l.now)), language)
		if seen.Matches(tag) {
			wire.NotModified(w, tag)
			return nil
		}
		w.Header().Set("ETag", tag)
	}
	wire.Respond(w, http.StatusOK, newInboxBody(c.User, &l, wire.NewTranslator(wire.ParseLanguages(language))))
	return nil
}

func newInboxBody(user string, l *listing, texts *wire.Translator) inboxBody {
	body := inboxBody{
		User: user, Version: l.row.Version, Cursor: l.cursor().String(),
		Unread: l.row.Counts(l.now).Unread, Items: make([]wire.Item, len(l.entries)), Next: l.next.String(),
	}
	for i, e := range l.entries {
		body.Items[i] = wire.NewItem(e, l.items[i], texts)
	}
	return body
}

func parsePage(query url.Values) (inbox.PageQuery, error) {
	status, err := inbox.ParseStatus(query.Get("status"))
	if err != nil {
		return inbox.PageQuery{}, err
	}
	limit, err := wire.Number(query, "limit", 1, maxPage)
	if err != nil {
		return inbox.PageQuery{}, err
	}
	if limit == 0 {
		limit = defaultPage
	}
	order, err := inbox.ParseOrder(query.Get("order"))
	if err != nil {
		return inbox.PageQuery{}, err
	}
	if query.Has("before") && query.Get("before") == "" {
		return inbox.PageQuery{}, belfry.Invalid("before", "must not be empty: leave it out for the first page")
	}
	before, err := inbox.ParsePlace(order, query.Get("before"))
	if err != nil {
		return inbox.PageQuery{}, err
	}
	category := query.Get("category")
	if query.Has("category") {
		if err := checkCategory(category); err != nil {
			return inbox.PageQuery{}, err
		}
	}
	return inbox.PageQuery{Status: status, Category: category, Order: order, Before: before, Limit: int(limit)}, nil
}

// checkCategory refuses what no item can have, and an empty category, which
// could mean any or none.
func checkCategory(category string) error {
	if category == "" {
		return belfry.Invalid("category", "must not be empty: leave it out for items of any category")
	}
	if len(category) > belfry.MaxCategoryBytes {
		return belfry.Invalid("category", "must be at most %d bytes, has %d", belfry.MaxCategoryBytes, len(category))
	}
	return nil
}
