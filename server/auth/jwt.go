package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MinSecretBytes is the shortest secret for HS256 (RFC 7518 section 3.2).
const MinSecretBytes = 32

// DefaultLeeway is how far clocks may differ between the issuer of tokens and this
// server.
const DefaultLeeway = 5 * time.Second

// JWTConfig says which bearer tokens (RFC 6750) are good. Secret, Keys or both
// are required: which of them a token is checked with follows from its
// algorithm, and never is a key of the one kind used for the other.
type JWTConfig struct {
	// Secret checks tokens signed with HS256. It has at least MinSecretBytes,
	// is not copied and must not change.
	Secret []byte
	// Keys checks tokens signed with an RSA, ECDSA or Ed25519 key. Its Run must
	// be running.
	Keys *Keys
	// Audience must be among the token's "aud", and Issuer be its "iss", unless
	// they are empty.
	Audience, Issuer string
	// Leeway is how far clocks may differ, for "exp" and "nbf".
	Leeway time.Duration
}

// NewJWT accepts bearer tokens that are JWTs (RFC 7519) with "sub" and "exp";
// "scope" (RFC 8693 section 4.2), or "scp" where that is absent, is a
// space-separated text or a list.
func NewJWT(config JWTConfig) (Authenticator, error) {
	var methods []string
	if config.Keys == nil || config.Secret != nil {
		if err := checkSecret(config.Secret); err != nil {
			return nil, err
		}
		methods = append(methods, jwt.SigningMethodHS256.Alg())
	}
	if config.Keys != nil {
		methods = append(methods, keyAlgorithms()...)
	}
	if config.Leeway < 0 {
		return nil, fmt.Errorf("the leeway must not be negative, is %s", config.Leeway)
	}
	options := []jwt.ParserOption{
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(config.Leeway),
	}
	if config.Audience != "" {
		options = append(options, jwt.WithAudience(config.Audience))
	}
	if config.Issuer != "" {
		options = append(options, jwt.WithIssuer(config.Issuer))
	}
	return &jwtAuth{
		verifier: verifier{methods: methods, secret: config.Secret, keys: config.Keys},
		claims:   jwt.NewValidator(options...), leeway: config.Leeway,
	}, nil
}

// Token is what a token says. Subject is required; TTL is at least a second.
type Token struct {
	Subject          string
	Scopes           []string
	Sources          []string // patterns, see [Identity.CheckSource]; nil: any
	Audience, Issuer string   // "" for none
	TTL              time.Duration
}

// Sign returns the token for [NewJWT] with the same secret. It cannot be taken
// back before it ends.
func (t Token) Sign(secret []byte) (string, error) {
	if err := checkSecret(secret); err != nil {
		return "", err
	}
	if t.Subject == "" {
		return "", errors.New("mint token: a subject is required")
	}
	if t.TTL < time.Second {
		return "", fmt.Errorf("mint token: must be valid for at least a second, not %s", t.TTL)
	}
	for _, scope := range t.Scopes {
		if strings.Join(strings.Fields(scope), "") != scope || scope == "" {
			return "", fmt.Errorf("mint token: a scope must be one word, not %.40q", scope)
		}
	}
	if len(t.Sources) > MaxSources {
		return "", fmt.Errorf("mint token: may have at most %d sources, has %d", MaxSources, len(t.Sources))
	}
	for _, source := range t.Sources {
		if len(strings.Fields(source)) != 1 {
			return "", fmt.Errorf("mint token: a source must be one word, not %.40q", source)
		}
	}
	now := time.Now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   t.Subject,
			Issuer:    t.Issuer,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.TTL)),
		},
		Scope: t.Scopes,
	}
	if t.Sources != nil {
		c.Sources = (*scopes)(&t.Sources)
	}
	if t.Audience != "" {
		c.Audience = jwt.ClaimStrings{t.Audience}
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(secret)
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
	verifier
	claims *jwt.Validator
	leeway time.Duration
}

// published is the set that tokens are checked with; nil for none.
func (a *jwtAuth) published() *Keys { return a.keys }

// ticketSecret is what tickets are derived from if nothing else is given.
func (a *jwtAuth) ticketSecret() []byte { return a.secret }

func (a *jwtAuth) authenticate(r *http.Request) (Identity, error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 { // of which a proxy may have checked another one
		return Identity{}, fmt.Errorf("%w: there are %d Authorization headers", ErrUnauthenticated, len(headers))
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Identity{}, ErrUnauthenticated
	}
	var c claims
	parsed, by, err := a.verify(r.Context(), token)
	if err == nil {
		err = readClaims(parsed, &c, a.claims)
	}
	reject := func(why string) (Identity, error) {
		return Identity{}, refused(fmt.Errorf("%w: this one %s", ErrUnauthenticated, why), "it "+why, parsed)
	}
	// Several things can be wrong at once. A token counts as expired only if
	// nothing else is. Errors speak of signed claims alone.
	switch {
	case errors.Is(err, ErrKeys):
		return Identity{}, refused(ErrKeys, tokenReason(err), parsed)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return reject("is not valid yet")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing) && c.ExpiresAt == nil:
		return reject("has no expiry")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return reject("has no audience or no issuer")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return reject("is for another audience")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return reject("is from another issuer")
	case err != nil && !errors.Is(err, jwt.ErrTokenExpired):
		// More detail would help only somebody who tries tokens out.
		return Identity{}, refused(ErrUnauthenticated, tokenReason(err), parsed)
	case c.Subject == "":
		return reject("has no subject")
	}
	granted, scopeErr := c.granted()
	if scopeErr != nil {
		return reject("has a scp that is neither a text nor a list of texts")
	}
	if c.Sources != nil && len(*c.Sources) > MaxSources {
		return reject(fmt.Sprintf("has more than %d patterns in belfry_sources", MaxSources))
	}
	// One leeway for all: as long as calls are taken a stream goes on.
	id := Identity{Subject: c.Subject, scopes: granted, Until: c.ExpiresAt.Add(a.leeway)}
	if c.Sources != nil {
		id.sources, id.limited = *c.Sources, true
	}
	if err != nil {
		return id, refused(errExpired, "it has expired", parsed)
	}
	id.signer = by
	return id, nil
}
