package webpush

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/belfry/belfry"
)

const (
	// tokenLife is how long a token holds, 24 h at most by RFC 8292; one is used for
	// half of it, so that clocks may differ.
	tokenLife = 12 * time.Hour
	tokenUse  = tokenLife / 2
	// tokenRest is how old a token is at least when it is made anew since a service has
	// refused it.
	tokenRest = time.Minute
	// maxOrigins bounds the tokens that are kept, in case names are allowed by a
	// pattern.
	maxOrigins = 1000
)

// CheckSubject returns a [*belfry.FieldError] without a field for a text that push
// services refuse as the one to be told of trouble: it must be a mailto: or https: URL
// that is reached from outside. Apple refuses any other, with 403.
func CheckSubject(subject string) error {
	bad := belfry.Invalid("", "must be mailto: and an address, or an https URL, at which push services reach whoever runs this, such as mailto:ops@example.com, not %.80q", subject)
	u, err := url.Parse(subject)
	if err != nil || strings.ContainsAny(subject, " <>\"") {
		return bad
	}
	host := ""
	switch u.Scheme {
	case "mailto":
		if _, err := mail.ParseAddress(u.Opaque); err != nil || u.RawQuery != "" {
			return bad
		}
		_, host, _ = strings.Cut(u.Opaque, "@")
	case "https":
		host = u.Hostname()
	default:
		return bad
	}
	if !hostPattern.MatchString(strings.ToLower(host)) || strings.EqualFold(host, "localhost") {
		return bad
	}
	return nil
}

// tokens signs one for each origin now and then, since a signature costs as much as a
// message. It is safe for concurrent use.
type tokens struct {
	keys    *Keys
	subject string
	now     func() time.Time

	mu   sync.Mutex
	made map[string]token
}

type token struct {
	header string
	until  time.Time
}

// header returns the value of Authorization for an origin.
func (t *tokens) header(origin string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if made, ok := t.made[origin]; ok && now.Before(made.until) {
		return made.header, nil
	}
	header, err := t.keys.token(origin, t.subject, now.Add(tokenLife))
	if err != nil {
		return "", err
	}
	if t.made == nil || len(t.made) >= maxOrigins {
		t.made = map[string]token{}
	}
	t.made[origin] = token{header, now.Add(tokenUse)}
	return header, nil
}

// forget has the next token of an origin made anew: a service has refused this one. One
// that is new is kept: it was the subscription that was refused.
func (t *tokens) forget(origin string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if made, ok := t.made[origin]; ok && t.now().Sub(made.until.Add(-tokenUse)) >= tokenRest {
		delete(t.made, origin)
	}
}

// token returns the value of Authorization: a JWT by ES256 and the key to check it.
func (k *Keys) token(audience, subject string, until time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Expiry   int64  `json:"exp"`
		Subject  string `json:"sub"`
	}{audience, until.Unix(), subject})
	if err != nil {
		return "", fmt.Errorf("encode a token: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return "vapid t=" + signed + "." + encode(signature[:]) + ", k=" + k.public, nil
}
