package outreach

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
)

// GetLink answers GET /v1/links/{token} with a page that has buttons: what fetches links
// ahead of their user does nothing by it.
func (c *Calls) GetLink(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	link, err := c.parseLink(mux.Vars(r)["token"])
	if err != nil {
		return c.refuseLink(w, r, err)
	}
	p := page{Link: link}
	if link.Action == links.Unsubscribe {
		row, err := c.config.Row(link.User)
		if err != nil {
			return err
		}
		p.choose(&row, c.config.Policy())
	}
	respondPage(w, r, http.StatusOK, p)
	return nil
}

// PostLink answers POST /v1/links/{token}: it does what the link says, whoever sends it,
// whatever the body is (RFC 8058 section 3.1 has one). The form of the page says more. A
// link that acts once does nothing the second time, which is no error.
func (c *Calls) PostLink(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	token := mux.Vars(r)["token"]
	link, err := c.parseLink(token)
	if err != nil {
		return c.refuseLink(w, r, err)
	}
	p := page{Link: link, Done: true}
	if link.Action == links.Unsubscribe {
		asked, err := readChoice(w, r, &link)
		if err != nil {
			return err
		}
		row, err := c.choose(r, &link, asked)
		if err != nil {
			return err
		}
		p.choose(row, c.config.Policy())
	} else if !c.isSpent(token) {
		if err := c.read(r, &link); err != nil {
			return err
		}
		c.spend(token)
	}
	if wantsPage(r) {
		respondPage(w, r, http.StatusOK, p)
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
	if !errors.Is(err, ErrNoLink) {
		return err
	}
	limit.CloseAfterMany(r, w.Header())
	if !wantsPage(r) {
		return err
	}
	respondPage(w, r, http.StatusNotFound, page{Ended: true})
	return nil
}

// read marks the item of a link as read, unless the row says that it is.
func (c *Calls) read(r *http.Request, link *links.Link) error {
	row, err := c.config.Row(link.User)
	if err != nil {
		return err
	}
	if e, ok := row.Entry(link.Seq); !ok || e.Read {
		return nil
	}
	if err := c.links.Take(link.User, false, 1, time.Now()); err != nil {
		return err
	}
	_, _, err = c.config.Command(r.Context(), link.User, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{link.Seq}})
	return err
}

// choice is what a link to leave is asked for: the channel, or a category of it, off or on
// again.
type choice struct {
	category string
	on       bool
}

// maxForm is far above what the page's form sends.
const maxForm = 4 << 10

// readChoice returns what the form of the page asks for, which is no more than the link
// lets it. Any other body asks for what the link says.
func readChoice(w http.ResponseWriter, r *http.Request, link *links.Link) (choice, error) {
	asked := choice{category: link.Category}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return asked, nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		return asked, nil
	}
	if category := r.PostForm.Get("category"); category != "" {
		if link.Category != "" && category != link.Category || len(category) > belfry.MaxCategoryBytes || !utf8.ValidString(category) || strings.ContainsFunc(category, unicode.IsControl) {
			return asked, belfry.Invalid("category", "is none that this link is for")
		}
		asked.category = category
	}
	switch on := r.PostForm.Get("on"); on {
	case "true":
		asked.on = true
	case "", "false":
	default:
		return asked, belfry.Invalid("on", "must be true or false, not %.20q", on)
	}
	return asked, nil
}

// choose writes what is asked for, unless the row says so already, and returns the row with
// it.
func (c *Calls) choose(r *http.Request, link *links.Link, asked choice) (*inbox.State, error) {
	row, err := c.config.Row(link.User)
	if err != nil {
		return nil, err
	}
	prefs := reach.ReadPrefs(&row)
	is := !prefs.Channels[link.Channel].Off
	if asked.category != "" {
		on, named := prefs.Channels[link.Channel].Categories[asked.category]
		is = on || !named
		if !asked.on && !prefs.On(link.Channel, asked.category) {
			return &row, nil
		}
	}
	if is == asked.on {
		return &row, nil
	}
	if err := c.links.Take(link.User, false, 1, time.Now()); err != nil {
		return nil, err
	}
	patch, err := choicePatch(link.Channel, asked)
	if err != nil {
		return nil, err
	}
	if errors.Is(door.Fits(&row, patch), door.ErrPreferences) && !asked.on {
		// There is no room to name a category.
		if patch, err = door.ChannelOff(&row, link.Channel); err != nil {
			return nil, err
		}
	}
	after, shown, err := c.config.Command(r.Context(), link.User, inbox.Record{Kind: inbox.KindPrefs, Prefs: patch})
	if err != nil {
		return nil, err
	}
	if !asked.on {
		c.unsubscribed.WithLabelValues(link.Channel).Inc()
	}
	if !shown { // the page says what will be
		return asShown(after, patch)
	}
	return &after, nil
}

// asShown is a row as it will be after a patch of its preferences.
func asShown(row inbox.State, patch []byte) (*inbox.State, error) {
	after := inbox.Reach{}
	if row.Reach != nil {
		after = *row.Reach
	}
	merged, err := inbox.MergePrefs(after.Prefs, patch)
	if err != nil {
		return nil, fmt.Errorf("merge preferences: %w", err)
	}
	after.Prefs = merged
	row.Reach = &after
	return &row, nil
}

// choicePatch is the patch that switches a channel, or one category of it. What is on is
// not named.
func choicePatch(channel string, asked choice) ([]byte, error) {
	var value any // null
	if !asked.on {
		value = false
	}
	fields := map[string]any{"on": value}
	if asked.category != "" {
		fields = map[string]any{"categories": map[string]any{asked.category: value}}
	}
	patch, err := json.Marshal(map[string]any{"channels": map[string]any{channel: fields}})
	if err != nil {
		return nil, fmt.Errorf("encode a patch: %w", err)
	}
	return patch, nil
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
