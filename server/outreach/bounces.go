package outreach

import (
	"net/http"

	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// PostBounce answers POST /v1/bounces: a message came back, or its user complained of it.
// An endpoint that the row has no more is no error.
func (c *Calls) PostBounce(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	body, err := c.config.ReadBody(w, r, maxEndpointBody)
	if err != nil {
		return err
	}
	bounce, err := door.ParseBounce(body, c.config.Policy())
	if err != nil {
		return err
	}
	row, err := c.config.Row(bounce.Recipient)
	if err != nil {
		return err
	}
	record, err := bounce.Record(&row)
	if err != nil {
		return err
	}
	row, shown, err := c.config.Command(r.Context(), bounce.Recipient, record)
	if err != nil {
		return err
	}
	c.bounces.Count(bounce)
	wire.Respond(w, wire.StatusOf(shown, http.StatusOK), wire.NewHead(bounce.Recipient, &row))
	return nil
}
