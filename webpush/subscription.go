package webpush

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/belfry/belfry"
)

// MaxEndpointBytes bounds an endpoint; those of the known services have 150 to 500.
const MaxEndpointBytes = 2048

// Subscription is where a browser is reached, with the keys to encrypt for it. It is
// not modified and safe for concurrent use.
type Subscription struct {
	Endpoint string

	url  *url.URL
	key  *ecdh.PublicKey
	auth []byte
}

// NewSubscription returns the subscription that a browser's PushSubscription says in
// endpoint, keys.p256dh and keys.auth. The error is a [*belfry.FieldError] that names
// one of these. It does not ask whether the endpoint's host may be sent to, see
// [Hosts.Check].
func NewSubscription(endpoint, p256dh, auth string) (*Subscription, error) {
	point, err := decodeBase64(p256dh)
	if err != nil {
		point = nil
	}
	secret, err := decodeBase64(auth)
	if err != nil {
		secret = nil
	}
	return SubscriptionOf(endpoint, point, secret)
}

// SubscriptionOf is [NewSubscription] with the bytes of the keys.
func SubscriptionOf(endpoint string, p256dh, auth []byte) (*Subscription, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if len(p256dh) != keyBytes {
		return nil, belfry.Invalid("keys.p256dh", "must be 65 bytes in base64url, as PushSubscription.toJSON gives them")
	}
	key, err := ecdh.P256().NewPublicKey(p256dh)
	if err != nil {
		return nil, belfry.Invalid("keys.p256dh", "is no point of the curve P-256: send what PushSubscription.toJSON gives")
	}
	if len(auth) != authBytes {
		return nil, belfry.Invalid("keys.auth", "must be 16 bytes in base64url, as PushSubscription.toJSON gives them")
	}
	return &Subscription{Endpoint: endpoint, url: u, key: key, auth: auth}, nil
}

// Origin is the scheme, host and port of the endpoint: what may be told of it.
func (s *Subscription) Origin() string { return origin(s.url) }

// P256dh is the browser's public key: an uncompressed point of P-256, 65 bytes.
func (s *Subscription) P256dh() []byte { return s.key.Bytes() }

// Auth is the secret of 16 bytes that the browser shares.
func (s *Subscription) Auth() []byte { return bytes.Clone(s.auth) }

func origin(u *url.URL) string { return u.Scheme + "://" + strings.ToLower(u.Host) }

// parseEndpoint never quotes the endpoint: whoever knows it can send to the browser.
func parseEndpoint(endpoint string) (*url.URL, error) {
	if len(endpoint) > MaxEndpointBytes {
		return nil, &belfry.FieldError{Field: "endpoint", Problem: "is longer than 2048 bytes", TooLarge: true}
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return nil, belfry.Invalid("endpoint", "must be an absolute https URL, as PushSubscription.endpoint is")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, belfry.Invalid("endpoint", "must be an https URL, as PushSubscription.endpoint is")
	case u.User != nil:
		return nil, belfry.Invalid("endpoint", "must have no user and password")
	case u.Fragment != "":
		return nil, belfry.Invalid("endpoint", "must have no fragment")
	}
	return u, nil
}

// decodeBase64 takes base64url and base64, with padding and without: browsers and
// libraries give all of these.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}
