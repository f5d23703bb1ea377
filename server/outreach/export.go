package outreach

import (
	"encoding/json"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach/door"
)

// exportedPreferences are what a user has set, as it was written.
type exportedPreferences struct {
	Preferences json.RawMessage `json:"preferences"`
}

// exportedEndpoint is where a user is reached; of a push subscription the host alone,
// since whoever has the rest can send to it.
type exportedEndpoint struct {
	door.Place
	Kind    string    `json:"kind"`
	Address string    `json:"address,omitempty"`
	AddedAt time.Time `json:"added_at,omitzero"`
}

// Exported returns the lines of an export that are of reaching its user: preferences, if
// some are set, and every endpoint.
func (c *Calls) Exported(user string, row *inbox.State) ([]any, error) {
	var out []any
	if row.Reach == nil {
		return nil, nil
	}
	if row.Reach.Prefs != nil {
		out = append(out, exportedPreferences{row.Reach.Prefs})
	}
	for _, e := range row.Reach.Endpoints {
		known, _, err := c.config.Endpoint(user, e.Seq)
		if err != nil {
			return nil, err
		}
		known.Kind = e.Kind // of a content that is late
		line := exportedEndpoint{Place: door.NewPlace(e.Seq, &known), Kind: e.Kind.String(), AddedAt: known.AddedAt.UTC()}
		if e.Kind != inbox.EndpointWebPush {
			line.Address = known.Target
		}
		out = append(out, line)
	}
	return out, nil
}
