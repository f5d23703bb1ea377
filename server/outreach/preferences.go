package outreach

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// maxPatchBytes is the largest body of a patch: what it makes has at most
// [inbox.MaxPrefsBytes], and blanks or nulls may be more than that.
const maxPatchBytes = 4 * inbox.MaxPrefsBytes

// preferences are what a user has set, and what may be. A field that is absent is not set.
type preferences struct {
	head
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

// fieldNames are the names of fields.
var fieldNames = []string{"language", "zone", "quiet", "urgent_passes", "channels"}

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
	body, err := c.config.ReadBody(w, r, maxPatchBytes)
	if err != nil {
		return err
	}
	if err := c.checkPatch(body); err != nil {
		return err
	}
	row, err := c.config.Row(call.User)
	if err != nil {
		return err
	}
	if err := fits(&row, body); err != nil {
		return err
	}
	row, shown, err := c.config.Command(r.Context(), call.User, inbox.Record{Kind: inbox.KindPrefs, Prefs: body})
	if err != nil {
		return err
	}
	if shown {
		if err := fits(&row, body); err != nil {
			return err // by what came in between
		}
	}
	return c.respondPreferences(w, status(shown, http.StatusOK), call.User, &row)
}

// checkPatch returns a *belfry.FieldError for a patch that says what preferences cannot.
// A field that it takes away needs no other check than that of its name.
func (c *Calls) checkPatch(body []byte) error {
	var names map[string]json.RawMessage
	if err := wire.ParseJSON(body, &names, `an object such as {"language":"ko"}`); err != nil {
		return err
	}
	if names == nil {
		return belfry.Invalid("", `must be an object such as {"language":"ko"}, not null`)
	}
	for name := range names {
		if !slices.Contains(fieldNames, name) {
			return belfry.Invalid(fmt.Sprintf("%.40s", name), "is none of language, zone, quiet, urgent_passes and channels")
		}
	}
	set, err := inbox.MergePrefs(nil, body)
	if err != nil {
		return belfry.Invalid("", "must be an object: %v", err)
	}
	return reach.CheckPrefs(set, c.config.Policy())
}

// fits returns ErrPreferences where a row has no room for what a patch adds.
func fits(row *inbox.State, patch []byte) error {
	var before []byte
	if row.Reach != nil {
		before = row.Reach.Prefs
	}
	after, err := inbox.MergePrefs(before, patch)
	if err != nil {
		return fmt.Errorf("merge preferences: %w", err)
	}
	if len(after) > inbox.MaxPrefsBytes {
		return ErrPreferences
	}
	return nil
}

func (c *Calls) respondPreferences(w http.ResponseWriter, status int, user string, row *inbox.State) error {
	out := preferences{head: newHead(user, row), Available: available(c.config.Policy())}
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
