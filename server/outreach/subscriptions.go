package outreach

import (
	"fmt"
	"net/http"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// maxEndpointBody is ample for what a browser sends, whose endpoint is bounded by
// [webpush.MaxEndpointBytes].
const maxEndpointBody = 8 << 10

type places struct {
	wire.Head
	Subscriptions []door.Place `json:"subscriptions"`
}

// registered answers a registration.
type registered struct {
	wire.Head
	door.Place
}

// PutSubscription answers PUT /v1/users/{user}/push-subscriptions: 201 for one that is
// added, 200 without a record for one that is there already and was added lately.
func (c *Calls) PutSubscription(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	body, err := c.config.ReadBody(w, r, maxEndpointBody)
	if err != nil {
		return err
	}
	address, err := door.ParseSubscription(body, c.config.PushHosts, time.Now())
	if err != nil {
		return err
	}
	return c.put(w, r, call.User, address)
}

// put adds an endpoint of a user, unless the user has it already.
func (c *Calls) put(w http.ResponseWriter, r *http.Request, user string, address *inbox.Address) error {
	row, err := c.config.Row(user)
	if err != nil {
		return err
	}
	hash := inbox.EndpointHash(address.Kind, address.Target)
	if e, ok := row.EndpointBy(address.Kind, hash); ok {
		known, ok, err := c.config.Endpoint(user, e.Seq)
		if err != nil {
			return fmt.Errorf("read endpoint: %w", err)
		}
		// A content may be behind its row. An address is its hash in the row, keys of a
		// browser are in the content alone: those are registered again.
		if !ok && address.Kind != inbox.EndpointWebPush || ok && door.Same(&known, address) {
			wire.Respond(w, http.StatusOK, registered{wire.NewHead(user, &row), door.NewPlace(e.Seq, address)})
			return nil
		}
	}
	if err := c.register(user, address.Kind); err != nil {
		return err
	}
	row, shown, err := c.config.Command(r.Context(), user, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: address})
	if err != nil {
		return err
	}
	var added inbox.Endpoint
	if shown {
		added, _ = row.EndpointBy(address.Kind, hash)
	}
	wire.Respond(w, wire.StatusOf(shown, http.StatusCreated), registered{wire.NewHead(user, &row), door.NewPlace(added.Seq, address)})
	return nil
}

// GetSubscriptions answers GET /v1/users/{user}/push-subscriptions.
func (c *Calls) GetSubscriptions(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	row, err := c.config.Asked(r, call.User)
	if err != nil {
		return err
	}
	out := places{wire.NewHead(call.User, &row), []door.Place{}}
	for _, e := range row.Endpoints(inbox.EndpointWebPush) {
		known, _, err := c.config.Endpoint(call.User, e.Seq)
		if err != nil {
			return fmt.Errorf("read endpoint: %w", err)
		}
		known.Kind = e.Kind // of a content that is late
		out.Subscriptions = append(out.Subscriptions, door.NewPlace(e.Seq, &known))
	}
	wire.Respond(w, http.StatusOK, out)
	return nil
}

// DeleteSubscription answers DELETE /v1/users/{user}/push-subscriptions, whose body names
// the endpoint. One that is gone already is no error.
func (c *Calls) DeleteSubscription(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	body, err := c.config.ReadBody(w, r, maxEndpointBody)
	if err != nil {
		return err
	}
	var s struct {
		Endpoint string `json:"endpoint"`
	}
	if err := exactjson.Parse(body, &s, `{"endpoint":"https://…"}`); err != nil {
		return err
	}
	if s.Endpoint == "" {
		return belfry.Invalid("endpoint", "is required: that of the subscription")
	}
	// It is written whatever the row at hand says, which may be behind one that has just
	// been added.
	return c.drop(w, r, call.User, inbox.Record{Kind: inbox.KindEndpointGone, EndpointHash: door.SubscriptionHash(s.Endpoint)})
}

// drop writes a record that takes endpoints away.
func (c *Calls) drop(w http.ResponseWriter, r *http.Request, user string, record inbox.Record) error {
	row, shown, err := c.config.Command(r.Context(), user, record)
	if err != nil {
		return err
	}
	wire.Respond(w, wire.StatusOf(shown, http.StatusOK), wire.NewHead(user, &row))
	return nil
}
