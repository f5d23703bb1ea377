package outreach

import (
	"net/http"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

const (
	maxMailBytes = 254  // of an address (RFC 5321 section 4.5.3.1.3)
	maxTextBytes = 1024 // of whatever a text channel's consumer sends to
)

// PutAddress answers PUT /v1/users/{user}/addresses/{kind}: where a service says a user
// is reached by mail, or by a consumer of its own. A user has one mail address, and
// another takes its place.
func (c *Calls) PutAddress(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	of, target, err := c.readAddress(w, r)
	if err != nil {
		return err
	}
	return c.put(w, r, call.User, &inbox.Address{Kind: of, Target: target, AddedAt: time.Now()}, func(*inbox.Address) bool { return true })
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
	if err := wire.ParseJSON(body, &a, `{"address":"…"}`); err != nil {
		return 0, "", err
	}
	most := maxTextBytes
	if kind == inbox.EndpointMail {
		most = maxMailBytes
	}
	switch {
	case a.Address == "":
		return 0, "", belfry.Invalid("address", "is required")
	case len(a.Address) > most:
		return 0, "", &belfry.FieldError{Field: "address", Problem: "is longer than it may be", TooLarge: true}
	case strings.ContainsFunc(a.Address, unicode.IsControl):
		return 0, "", belfry.Invalid("address", "must have no line breaks or other control characters")
	case kind == inbox.EndpointMail && !isMail(a.Address):
		return 0, "", belfry.Invalid("address", "must be a mail address such as kim@example.com, without a name")
	}
	return kind, a.Address, nil
}

// isMail reports whether a text is a mail address alone (RFC 5322 section 3.4.1).
func isMail(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text
}
