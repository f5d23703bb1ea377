package server

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

const (
	defaultPage = 20
	maxPage     = 100
)

// inboxHead begins a page of an inbox as clients get it; items and next follow. It is
// the badge too, so that a page needs no second question.
type inboxHead struct {
	wire.Badge
	// Features are the names of what this server can do beyond what every one can.
	Features []string `json:"features"`
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
	page.Born = c.Identity.Has(auth.ScopeAdmin)
	seen := wire.ParseCondition(r)
	version, err := s.logs.known(r.Context(), c.User, seen, query, page.Before.Cursor)
	if err != nil {
		return err
	}
	q := listQuery{
		call: c, version: version, page: page, seen: seen, language: r.Header.Get("Accept-Language"), answer: responseOf(w),
	}
	l, err := s.awaitListing(r.Context(), &q)
	if err != nil {
		return err
	}
	// A list that lacks content will be complete without a new version: nobody may
	// keep it.
	switch {
	case l.unchanged:
		wire.NotModified(w, l.tag(q.language))
		return nil
	case l.pending == 0:
		w.Header().Set("ETag", l.tag(q.language))
	}
	return s.writePage(w, c.User, &l)
}

// writePage writes the list, each item as it was encoded. An error is from before the
// answer began: one of writing is that of a client that has gone.
func (s *Server) writePage(w http.ResponseWriter, user string, l *listing) error {
	badge := wire.NewBadge(user, l.row.Badge(l.now))
	badge.Cursor = l.cursor().String()
	head, err := wire.Encode(inboxHead{Badge: badge, Features: s.config.Features.Names()})
	if err != nil {
		return fmt.Errorf("encode list: %w", err)
	}
	next := ""
	if text := l.next.String(); text != "" {
		next = `,"next":` + strconv.Quote(text)
	}
	wire.Begin(w, "application/json")
	out := append(bytes.TrimSuffix(head, []byte("}")), `,"items":[`...)
	for i, item := range l.items {
		if i > 0 {
			out = append(out, ',')
		}
		if len(out)+len(item) <= smallAnswer {
			out = append(out, item...)
			continue
		}
		for _, b := range [][]byte{out, item} {
			if _, err := w.Write(b); err != nil {
				return nil
			}
		}
		out, l.items[i] = out[:0], nil
	}
	_, _ = w.Write(append(out, "]"+next+"}\n"...))
	return nil
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
	order, err := inbox.ParseOrder(query.Get("order"))
	if err != nil {
		return inbox.PageQuery{}, err
	}
	if query.Has("before") && query.Get("before") == "" {
		return inbox.PageQuery{}, belfry.Invalid("before", "must not be empty: leave it out for the first page")
	}
	category := query.Get("category")
	if query.Has("category") {
		if err := wire.CheckCategory(category); err != nil {
			return inbox.PageQuery{}, err
		}
	}
	page := inbox.PageQuery{Status: status, Category: category, Order: order, Limit: cmp.Or(int(limit), defaultPage)}
	page.Before, err = inbox.ParsePlace(&page, query.Get("before"))
	return page, err
}
