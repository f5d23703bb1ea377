package server

import (
	"net/http"
	"net/url"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// inboxBody is a page of an inbox as clients get it.
type inboxBody struct {
	User    string     `json:"user"`
	Version uint64     `json:"version"`
	Cursor  string     `json:"cursor"`
	Unread  int        `json:"unread"`
	Items   []itemBody `json:"items"`
	Next    uint64     `json:"next,omitempty"`
}

// getInbox answers GET /v1/users/{user}/inbox: a page of items, newest first.
func (s *Server) getInbox(w http.ResponseWriter, r *http.Request, c call) error {
	w.Header().Add("Vary", "Accept-Language")
	query, err := parseQuery(r)
	if err != nil {
		return err
	}
	page, err := parsePage(query)
	if err != nil {
		return err
	}
	seen := parseCondition(r)
	version, err := known(seen, query)
	if err != nil {
		return err
	}
	l, err := s.awaitListing(r.Context(), c.user, version, func(row *inbox.State, now time.Time) ([]*inbox.Entry, uint64) {
		return row.Page(page, now)
	})
	if err != nil {
		return err
	}
	language := r.Header.Get("Accept-Language")
	// What lacks content will be complete without a new version: nobody may
	// keep it.
	if l.pending == 0 {
		tag := languageTag(etag(&l.row, l.now), language)
		if seen.matches(tag) {
			notModified(w, tag)
			return nil
		}
		w.Header().Set("ETag", tag)
	}
	respond(w, http.StatusOK, newInboxBody(c.user, &l, parseLanguages(language)))
	return nil
}

func newInboxBody(user string, l *listing, prefer languages) inboxBody {
	body := inboxBody{
		User: user, Version: l.row.Version, Cursor: l.cursor().String(),
		Unread: l.row.Counts(l.now).Unread, Items: make([]itemBody, len(l.entries)), Next: l.next,
	}
	for i, e := range l.entries {
		body.Items[i] = newItemBody(e, l.items[i], prefer)
	}
	return body
}

func parsePage(query url.Values) (inbox.PageQuery, error) {
	status, err := inbox.ParseStatus(query.Get("status"))
	if err != nil {
		return inbox.PageQuery{}, err
	}
	limit, err := number(query, "limit", 1, maxPage)
	if err != nil {
		return inbox.PageQuery{}, err
	}
	if limit == 0 {
		limit = defaultPage
	}
	before, err := number(query, "before", 1, 1<<64-1)
	if err != nil {
		return inbox.PageQuery{}, err
	}
	category := query.Get("category")
	if err := checkCategory(category); err != nil {
		return inbox.PageQuery{}, err
	}
	return inbox.PageQuery{Status: status, Category: category, Before: before, Limit: int(limit)}, nil
}

// checkCategory refuses what no item can have.
func checkCategory(category string) error {
	if len(category) > belfry.MaxCategoryBytes {
		return invalid("category", "must be at most %d bytes, has %d", belfry.MaxCategoryBytes, len(category))
	}
	return nil
}
