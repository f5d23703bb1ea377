package outreach

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
)

// GetLink answers GET /v1/links/{token} with a page that has a button: what fetches links
// ahead of their user does nothing by it.
func (c *Calls) GetLink(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	link, err := c.parseLink(mux.Vars(r)["token"])
	if err != nil {
		return c.refuseLink(w, r, err)
	}
	respondPage(w, r, http.StatusOK, page{Link: link})
	return nil
}

// PostLink answers POST /v1/links/{token}: it does what the link says, whoever sends it,
// whatever the body is (RFC 8058 section 3.1 has one). A link that acts once does nothing
// the second time, which is no error.
func (c *Calls) PostLink(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	token := mux.Vars(r)["token"]
	link, err := c.parseLink(token)
	if err != nil {
		return c.refuseLink(w, r, err)
	}
	if !c.isSpent(token) {
		if err := c.act(r, &link); err != nil {
			return err
		}
		if link.Action != links.Unsubscribe {
			c.spend(token)
		}
	}
	if wantsPage(r) {
		respondPage(w, r, http.StatusOK, page{Link: link, Done: true})
		return nil
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *Calls) parseLink(token string) (links.Link, error) {
	if c.config.Links == nil {
		return links.Link{}, ErrNoLink
	}
	link, err := c.config.Links.Parse(token, time.Now())
	if errors.Is(err, links.ErrLink) {
		err = ErrNoLink
	}
	return link, err
}

func (c *Calls) refuseLink(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, ErrNoLink) || !wantsPage(r) {
		return err
	}
	respondPage(w, r, http.StatusNotFound, page{Ended: true})
	return nil
}

// act writes what a link says, unless the row says so already.
func (c *Calls) act(r *http.Request, link *links.Link) error {
	row, err := c.config.Row(link.User)
	if err != nil {
		return err
	}
	record := inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{link.Seq}}
	switch link.Action {
	case links.Read:
		if e, ok := row.Entry(link.Seq); !ok || e.Read {
			return nil
		}
	case links.Unsubscribe:
		prefs := reach.ReadPrefs(&row)
		if !prefs.On(link.Channel, link.Category) {
			return nil
		}
		patch, err := unsubscribe(link)
		if err != nil {
			return err
		}
		if errors.Is(door.Fits(&row, patch), door.ErrPreferences) {
			// There is no room to name a category.
			if patch, err = channelOff(&row, link.Channel); err != nil {
				return err
			}
		}
		record = inbox.Record{Kind: inbox.KindPrefs, Prefs: patch}
	}
	_, _, err = c.config.Command(r.Context(), link.User, record)
	return err
}

// unsubscribe is the patch that switches a channel off, or one category of it.
func unsubscribe(link *links.Link) ([]byte, error) {
	off := map[string]any{"on": false}
	if link.Category != "" {
		off = map[string]any{"categories": map[string]bool{link.Category: false}}
	}
	patch, err := json.Marshal(map[string]any{"channels": map[string]any{link.Channel: off}})
	if err != nil {
		return nil, fmt.Errorf("encode a patch: %w", err)
	}
	return patch, nil
}

// channelOff is the patch that switches a channel off in preferences that are full: the
// categories of it, which say nothing then, make room.
func channelOff(row *inbox.State, channel string) ([]byte, error) {
	for _, off := range []map[string]any{{"on": false}, {"on": false, "categories": nil}} {
		patch, err := json.Marshal(map[string]any{"channels": map[string]any{channel: off}})
		if err != nil {
			return nil, fmt.Errorf("encode a patch: %w", err)
		}
		if err := door.Fits(row, patch); !errors.Is(err, door.ErrPreferences) {
			return patch, err
		}
	}
	return nil, door.ErrPreferences
}

// isSpent reports whether this server knows that a link was used.
func (c *Calls) isSpent(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.spent.Get(token)
	return ok
}

func (c *Calls) spend(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent.Put(token, struct{}{})
}

// wantsPage reports whether a caller is a browser that shows the answer.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
