package door

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/webpush"
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

// ParseSubscription reads a PushSubscription that is to be added at now. Errors are a
// [*belfry.FieldError] and hold nothing of the endpoint but its host.
func ParseSubscription(body []byte, hosts *webpush.Hosts, now time.Time) (*inbox.Address, error) {
	var s subscription
	err := exactjson.Parse(body, &s, `what PushSubscription.toJSON gives: {"endpoint":"https://…","keys":{"p256dh":"…","auth":"…"}}`)
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
	if err := hosts.Check(checked); err != nil {
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

// renewAfter is the age from which the same subscription is written again: push services
// say nothing of some that are dead, so that only what is renewed counts as alive.
const renewAfter = 30 * 24 * time.Hour

// Same reports whether an endpoint that is asked for is the one that is known already: the
// same keys too, and not so old that it is to be renewed.
func Same(known, asked *inbox.Address) bool {
	if known.Target != asked.Target {
		return false
	}
	return asked.Kind != inbox.EndpointWebPush || bytes.Equal(known.P256dh, asked.P256dh) && bytes.Equal(known.Auth, asked.Auth) &&
		known.ExpiresAt.Equal(asked.ExpiresAt) && asked.AddedAt.Sub(known.AddedAt) < renewAfter
}

// SubscriptionHash is by which a row knows the subscription of an endpoint, which need not
// be a good one.
func SubscriptionHash(endpoint string) uint64 {
	if same, err := canonical(endpoint); err == nil {
		endpoint = same
	}
	return inbox.EndpointHash(inbox.EndpointWebPush, endpoint)
}

// Place is an endpoint as its user may see it: the host and nothing else of it.
type Place struct {
	Endpoint uint64 `json:"endpoint"` // its seq
	Host     string `json:"host,omitempty"`
}

// NewPlace describes an endpoint; a mail address has no host to tell of.
func NewPlace(seq uint64, a *inbox.Address) Place {
	p := Place{Endpoint: seq}
	if a.Kind == inbox.EndpointWebPush {
		if u, err := url.Parse(a.Target); err == nil {
			p.Host = u.Hostname()
		}
	}
	return p
}
