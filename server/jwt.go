package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MinSecretBytes is the shortest secret for HS256 (RFC 7518 section 3.2).
const MinSecretBytes = 32

// leeway is how far clocks may differ between who makes tokens and this server.
const leeway = 5 * time.Second

// JWT accepts bearer tokens (RFC 6750) that are signed by secret with HS256
// (RFC 7519) and have "sub" and "exp"; "scope" is a space-separated text
// (RFC 8693 section 4.2) or a list. A secret below MinSecretBytes is an error.
// The secret is not copied and must not change.
func JWT(secret []byte) (Auth, error) {
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	return &jwtAuth{
		parser: jwt.NewParser(
			// Pinned, or a token could choose to be checked by nothing.
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(leeway),
		),
		key: func(*jwt.Token) (any, error) { return secret, nil },
	}, nil
}

// MintToken returns a token for [JWT] with the same secret. ttl is at least a
// second; tokens cannot be taken back before they end.
func MintToken(secret []byte, subject string, scopes []string, ttl time.Duration) (string, error) {
	if err := checkSecret(secret); err != nil {
		return "", err
	}
	if subject == "" {
		return "", errors.New("mint token: a subject is required")
	}
	if ttl < time.Second {
		return "", fmt.Errorf("mint token: must be valid for at least a second, not %s", ttl)
	}
	for _, scope := range scopes {
		if strings.Join(strings.Fields(scope), "") != scope || scope == "" {
			return "", fmt.Errorf("mint token: a scope must be one word, not %.40q", scope)
		}
	}
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   subject,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Scope: scopes,
	})
	signed, err := token.SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return signed, nil
}

func checkSecret(secret []byte) error {
	if len(secret) < MinSecretBytes {
		return fmt.Errorf("the JWT secret must be at least %d bytes, has %d", MinSecretBytes, len(secret))
	}
	return nil
}

type jwtAuth struct {
	parser *jwt.Parser
	key    jwt.Keyfunc
}

func (a *jwtAuth) authenticate(r *http.Request) (identity, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return identity{}, errUnauthenticated
	}
	var c claims
	_, err := a.parser.ParseWithClaims(token, &c, a.key)
	reject := func(why string) (identity, error) {
		return identity{}, fmt.Errorf("%w: this one %s", errUnauthenticated, why)
	}
	// Several things can be wrong at once. A token counts as expired only if
	// nothing else is.
	switch {
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return reject("is not valid yet")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return reject("has no expiry")
	case err != nil && !errors.Is(err, jwt.ErrTokenExpired):
		// What else is wrong helps only who tries tokens out.
		return identity{}, errUnauthenticated
	case c.Subject == "":
		return reject("has no subject")
	}
	id := identity{subject: c.Subject, scopes: c.Scope, until: c.ExpiresAt.Time}
	if err != nil {
		return id, errExpired
	}
	return id, nil
}

// claims is what we read of a token.
type claims struct {
	jwt.RegisteredClaims
	Scope scopes `json:"scope,omitempty"`
}

// scopes is a list, in JSON also a text with spaces between.
type scopes []string

// MarshalJSON writes the text form, which is the standard one.
func (s scopes) MarshalJSON() ([]byte, error) { return json.Marshal(strings.Join(s, " ")) }

// UnmarshalJSON reads both forms.
func (s *scopes) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*s = strings.Fields(text)
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return errors.New("scope must be a text or a list of texts")
	}
	*s = list
	return nil
}
