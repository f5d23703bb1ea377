package auth

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/recent"
)

// tokensKept is how many checked tokens are remembered at most, twice: those
// used last and those used before.
const tokensKept = 1 << 15

// tokenMemory is an Auth that remembers what another one found out: a client
// that polls sends the same token each time, and to check its signature costs
// more than to answer. It remembers tokens that were good, by the SHA-256 of the
// whole Authorization header, so that a signature is part of what is compared
// and no token is kept; never beyond the token's end, nor after its key was withdrawn,
// nor for longer than trust.
// Everything else is asked anew each time: requests without that header, and all that was
// refused.
type tokenMemory struct {
	Authenticator
	trust time.Duration

	mu    sync.Mutex
	known *recent.Map[[sha256.Size]byte, rememberedToken]
}

type rememberedToken struct {
	identity Identity
	until    time.Time
}

// rememberTokens returns auth with a memory, if it has use for one: an Auth that
// looks at every request has no tokens.
func rememberTokens(auth Authenticator, trust time.Duration) Authenticator {
	if _, ok := auth.(Admitter); ok || trust <= 0 {
		return auth
	}
	return &tokenMemory{Authenticator: auth, trust: trust, known: recent.New[[sha256.Size]byte, rememberedToken](tokensKept)}
}

func (m *tokenMemory) authenticate(r *http.Request) (Identity, error) {
	headers := r.Header["Authorization"]
	if len(headers) != 1 {
		return m.Authenticator.authenticate(r)
	}
	key := sha256.Sum256([]byte(headers[0]))
	now := time.Now()
	if known, ok := m.recall(key); ok && now.Before(known.until) && !known.identity.Lease().Over(now) {
		return known.identity, nil
	}
	id, err := m.Authenticator.authenticate(r)
	if err == nil && !id.Until.IsZero() {
		until := now.Add(m.trust)
		if id.Until.Before(until) {
			until = id.Until
		}
		m.remember(key, rememberedToken{id, until})
	}
	return id, err
}

func (m *tokenMemory) recall(key [sha256.Size]byte) (rememberedToken, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known.Use(key)
}

func (m *tokenMemory) remember(key [sha256.Size]byte, t rememberedToken) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known.Put(key, t)
}
