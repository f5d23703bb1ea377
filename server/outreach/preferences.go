package outreach

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// preferences are what a user has set, and what may be. A field that is absent is not set.
type preferences struct {
	wire.Head
	fields
	Available []channel `json:"available"`
}

// fields are those of preferences as they were written.
type fields struct {
	Language     json.RawMessage `json:"language,omitempty"`
	Zone         json.RawMessage `json:"zone,omitempty"`
	Quiet        json.RawMessage `json:"quiet,omitempty"`
	UrgentPasses json.RawMessage `json:"urgent_passes,omitempty"`
	Channels     json.RawMessage `json:"channels,omitempty"`
}

// channel is one that may be switched. Categories are those that it tells of; nil is any.
type channel struct {
	Channel    string   `json:"channel"`
	Kind       string   `json:"kind"`
	Categories []string `json:"categories,omitempty"`
}

// GetPreferences answers GET /v1/users/{user}/preferences.
func (c *Calls) GetPreferences(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	row, err := c.config.Asked(r, call.User)
	if err != nil {
		return err
	}
	return c.respondPreferences(w, http.StatusOK, call.User, &row)
}

// PatchPreferences answers PATCH /v1/users/{user}/preferences with a merge patch
// (RFC 7396), of which every field is checked. A channel that is gone may be taken away.
func (c *Calls) PatchPreferences(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	body, err := c.config.ReadBody(w, r, door.MaxPatchBytes)
	if err != nil {
		return err
	}
	if err := door.CheckPatch(body, c.config.Policy()); err != nil {
		return err
	}
	body = reach.Normal(body)
	row, err := c.config.Row(call.User)
	if err != nil {
		return err
	}
	if err := door.Fits(&row, body); err != nil {
		return err
	}
	row, shown, err := c.config.Command(r.Context(), call.User, inbox.Record{Kind: inbox.KindPrefs, Prefs: body})
	if err != nil {
		return err
	}
	if shown {
		if err := door.Fits(&row, body); err != nil {
			return err // by what came in between
		}
	}
	return c.respondPreferences(w, wire.StatusOf(shown, http.StatusOK), call.User, &row)
}

func (c *Calls) respondPreferences(w http.ResponseWriter, status int, user string, row *inbox.State) error {
	out := preferences{Head: wire.NewHead(user, row), Available: available(c.config.Policy())}
	if row.Reach != nil && row.Reach.Prefs != nil {
		if err := json.Unmarshal(row.Reach.Prefs, &out.fields); err != nil {
			return fmt.Errorf("read preferences: %w", err)
		}
	}
	wire.Respond(w, status, out)
	return nil
}

// available are the channels of a policy.
func available(p *reach.Policy) []channel {
	out := []channel{}
	if p == nil {
		return out
	}
	for i := range p.Channels {
		c := &p.Channels[i]
		out = append(out, channel{c.Name, c.Kind.String(), categories(c)})
	}
	return out
}

// categories are those that a channel's rules name, in their order; nil if a rule is of
// any.
func categories(c *reach.Channel) []string {
	var out []string
	for i := range c.Tell {
		if len(c.Tell[i].Categories) == 0 {
			return nil
		}
		for _, name := range c.Tell[i].Categories {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
