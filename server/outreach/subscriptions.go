package outreach

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/webpush"
)

const (
	// maxEndpointBody is ample for what a browser sends, whose endpoint is bounded by
	// [webpush.MaxEndpointBytes].
	maxEndpointBody = 8 << 10
	// renewAfter is the age from which the same subscription is written again: push
	// services say nothing of some that are dead, so that only what is renewed counts
	// as alive.
	renewAfter = 30 * 24 * time.Hour
)

// subscription is a PushSubscription as a browser makes JSON of it (W3C Push API
// section 8). Fields that it has besides are passed over.
type subscription struct {
	Endpoint string `json:"endpoint"`
	// ExpirationTime is in milliseconds since 1970, or null for never.
	ExpirationTime json.RawMessage `json:"expirationTime"`
	Keys           struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// place is an endpoint as its user may see it: the host and nothing else of it.
type place struct {
	Endpoint uint64 `json:"endpoint"` // its seq
	Host     string `json:"host,omitempty"`
}

type places struct {
	head
	Subscriptions []place `json:"subscriptions"`
}

// registered answers a registration.
type registered struct {
	head
	place
}

// PutSubscription answers PUT /v1/users/{user}/push-subscriptions: 201 for one that is
// added, 200 without a record for one that is there already and was added lately.
func (c *Calls) PutSubscription(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	body, err := c.config.ReadBody(w, r, maxEndpointBody)
	if err != nil {
		return err
	}
	now := time.Now()
	address, err := c.parseSubscription(body, now)
	if err != nil {
		return err
	}
	return c.put(w, r, call.User, address, func(known *inbox.Address) bool {
		return bytes.Equal(known.P256dh, address.P256dh) && bytes.Equal(known.Auth, address.Auth) &&
			known.ExpiresAt.Equal(address.ExpiresAt) && now.Sub(known.AddedAt) < renewAfter
	})
}

// put adds an endpoint of a user, unless there is one with its target already that is the
// same to the caller.
func (c *Calls) put(w http.ResponseWriter, r *http.Request, user string, address *inbox.Address, same func(known *inbox.Address) bool) error {
	row, err := c.config.Row(user)
	if err != nil {
		return err
	}
	hash := inbox.EndpointHash(address.Kind, address.Target)
	for _, e := range row.Endpoints(address.Kind) {
		if e.Hash != hash {
			continue
		}
		known, ok, err := c.config.Endpoint(user, e.Seq)
		if err != nil {
			return fmt.Errorf("read endpoint: %w", err)
		}
		if ok && known.Target == address.Target && same(&known) {
			wire.Respond(w, http.StatusOK, registered{newHead(user, &row), newPlace(e.Seq, address)})
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
	var seq uint64
	for _, e := range row.Endpoints(address.Kind) {
		if shown && e.Hash == hash {
			seq = e.Seq
		}
	}
	wire.Respond(w, status(shown, http.StatusCreated), registered{newHead(user, &row), newPlace(seq, address)})
	return nil
}

// newPlace describes an endpoint; a mail address has no host to tell of.
func newPlace(seq uint64, a *inbox.Address) place {
	p := place{Endpoint: seq}
	if a.Kind == inbox.EndpointWebPush {
		if u, err := url.Parse(a.Target); err == nil {
			p.Host = u.Hostname()
		}
	}
	return p
}

// parseSubscription reads a PushSubscription that is to be added at now. Errors are a
// [*belfry.FieldError] and hold nothing of the endpoint but its host.
func (c *Calls) parseSubscription(body []byte, now time.Time) (*inbox.Address, error) {
	var s subscription
	err := wire.ParseJSON(body, &s, `what PushSubscription.toJSON gives: {"endpoint":"https://…","keys":{"p256dh":"…","auth":"…"}}`)
	if err != nil {
		return nil, err
	}
	for _, required := range []struct{ field, value string }{{"endpoint", s.Endpoint}, {"keys.p256dh", s.Keys.P256dh}, {"keys.auth", s.Keys.Auth}} {
		if required.value == "" {
			return nil, belfry.Invalid(required.field, "is required: send what PushSubscription.toJSON gives")
		}
	}
	if s.Endpoint, err = canonical(s.Endpoint); err != nil {
		return nil, err
	}
	checked, err := webpush.NewSubscription(s.Endpoint, s.Keys.P256dh, s.Keys.Auth)
	if err != nil {
		return nil, err
	}
	if err := c.config.PushHosts.Check(checked); err != nil {
		return nil, err
	}
	a := &inbox.Address{Kind: inbox.EndpointWebPush, Target: s.Endpoint, P256dh: checked.P256dh(), Auth: checked.Auth(), AddedAt: now}
	if raw := string(s.ExpirationTime); raw != "" && raw != "null" {
		at, err := expiration(raw)
		if err != nil {
			return nil, err
		}
		if !at.After(now) {
			return nil, belfry.Invalid("expirationTime", "has passed: subscribe anew")
		}
		a.ExpiresAt = at
	}
	return a, nil
}

// canonical is an endpoint with its host in lower case, so that one browser is held once.
// A text that is no URL stays as it is. The error is a [*belfry.FieldError].
func canonical(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return endpoint, nil
	}
	if strings.HasSuffix(u.Hostname(), ".") {
		return "", belfry.Invalid("endpoint", "must have a host without a dot at its end")
	}
	at := strings.Index(endpoint, u.Host)
	if at < 0 {
		return endpoint, nil
	}
	return endpoint[:at] + strings.ToLower(u.Host) + endpoint[at+len(u.Host):], nil
}

// lastExpiration is the end of the year 9999.
var lastExpiration = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

// expiration reads milliseconds since 1970, which browsers may give with a fraction.
func expiration(raw string) (time.Time, error) {
	var ms float64
	if json.Unmarshal([]byte(raw), &ms) != nil || ms < 0 || ms >= float64(lastExpiration.UnixMilli()) {
		return time.Time{}, belfry.Invalid("expirationTime", "must be milliseconds since 1970, or null, not %.40s", raw)
	}
	return time.UnixMilli(int64(ms)).UTC(), nil
}

// GetSubscriptions answers GET /v1/users/{user}/push-subscriptions.
func (c *Calls) GetSubscriptions(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	row, err := c.config.Asked(r, call.User)
	if err != nil {
		return err
	}
	out := places{newHead(call.User, &row), []place{}}
	for _, e := range row.Endpoints(inbox.EndpointWebPush) {
		known, _, err := c.config.Endpoint(call.User, e.Seq)
		if err != nil {
			return fmt.Errorf("read endpoint: %w", err)
		}
		known.Kind = e.Kind // of a content that is late
		out.Subscriptions = append(out.Subscriptions, newPlace(e.Seq, &known))
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
	if err := wire.ParseJSON(body, &s, `{"endpoint":"https://…"}`); err != nil {
		return err
	}
	if s.Endpoint == "" {
		return belfry.Invalid("endpoint", "is required: that of the subscription")
	}
	endpoint, err := canonical(s.Endpoint)
	if err != nil {
		endpoint = s.Endpoint // there is none
	}
	// It is written whatever the row at hand says, which may be behind one that has just
	// been added.
	return c.drop(w, r, call.User, inbox.Record{Kind: inbox.KindEndpointGone, EndpointHash: inbox.EndpointHash(inbox.EndpointWebPush, endpoint)})
}

// drop writes a record that takes endpoints away.
func (c *Calls) drop(w http.ResponseWriter, r *http.Request, user string, record inbox.Record) error {
	row, shown, err := c.config.Command(r.Context(), user, record)
	if err != nil {
		return err
	}
	wire.Respond(w, status(shown, http.StatusOK), newHead(user, &row))
	return nil
}
