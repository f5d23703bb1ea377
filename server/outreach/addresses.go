package outreach

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
)

// PutAddress answers PUT /v1/users/{user}/addresses/{kind}: where a service says a user
// is reached by mail, or by a consumer of its own. A user has one mail address, and
// another takes its place.
func (c *Calls) PutAddress(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	of, target, err := c.readAddress(w, r)
	if err != nil {
		return err
	}
	return c.put(w, r, call.User, &inbox.Address{Kind: of, Target: target, AddedAt: time.Now()})
}

// DeleteAddress answers DELETE /v1/users/{user}/addresses/{kind}, whose body names the
// address.
func (c *Calls) DeleteAddress(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	of, target, err := c.readAddress(w, r)
	if err != nil {
		return err
	}
	return c.drop(w, r, call.User, inbox.Record{Kind: inbox.KindEndpointGone, EndpointHash: inbox.EndpointHash(of, target)})
}

// addressKind is the kind of a path. Push subscriptions are their browsers' to say.
func addressKind(name string) (inbox.EndpointKind, error) {
	kind, err := inbox.ParseEndpointKind(name)
	if err != nil || kind == inbox.EndpointWebPush {
		return 0, belfry.Invalid("kind", "must be mail or text in the path, not %.40q; a browser's subscription goes to push-subscriptions", name)
	}
	return kind, nil
}

// readAddress returns the kind of a path and the address of a body. Errors do not quote
// the latter.
func (c *Calls) readAddress(w http.ResponseWriter, r *http.Request) (kind inbox.EndpointKind, address string, err error) {
	if kind, err = addressKind(mux.Vars(r)["kind"]); err != nil {
		return 0, "", err
	}
	body, err := c.config.ReadBody(w, r, maxEndpointBody)
	if err != nil {
		return 0, "", err
	}
	var a struct {
		Address string `json:"address"`
	}
	if err := exactjson.Parse(body, &a, `{"address":"…"}`); err != nil {
		return 0, "", err
	}
	address, err = door.ParseAddress(kind, a.Address)
	return kind, address, err
}
