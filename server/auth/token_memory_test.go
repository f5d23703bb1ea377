package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// asked counts what an Auth is asked, and can forget its keys.
type asked struct {
	Authenticator
	times   int
	revoked bool
}

func (a *asked) authenticate(r *http.Request) (Identity, error) {
	a.times++
	if a.revoked {
		return Identity{}, ErrUnauthenticated
	}
	return a.Authenticator.authenticate(r)
}

func TestTokenMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret), Leeway: DefaultLeeway})
		if err != nil {
			t.Fatal(err)
		}
		below := &asked{Authenticator: auth}
		memory := rememberTokens(below, time.Minute)
		// ask authenticates and checks whether the Auth below was asked.
		ask := func(name, path, want string, wantErr error, asks bool, headers ...string) {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
			if len(headers) > 0 {
				r.Header["Authorization"] = headers
			}
			before := below.times
			id, err := memory.authenticate(r)
			if id.Subject != want || !errors.Is(err, wantErr) {
				t.Errorf("%s: got %q, %v; want %q, %v", name, id.Subject, err, want, wantErr)
			}
			if got := below.times > before; got != asks {
				t.Errorf("%s: asked below: %t, want %t", name, got, asks)
			}
		}
		long, other := "Bearer "+mint(t, "u", "belfry:ops"), "Bearer "+mint(t, "v")
		brief, err := Token{Subject: "w", TTL: 10 * time.Second}.Sign([]byte(testSecret))
		if err != nil {
			t.Fatal(err)
		}
		brief = "Bearer " + brief
		ask("first", "/", "u", nil, true, long)
		ask("again", "/x", "u", nil, false, long)
		ask("another", "/", "v", nil, true, other)
		ask("with a query", "/?min_version=1", "u", nil, false, long)
		ask("two headers", "/", "", ErrUnauthenticated, true, long, other)
		ask("none", "/", "", ErrUnauthenticated, true)
		// Not one bit of a token may differ, and no refusal is remembered.
		for range 2 {
			ask("changed", "/", "", ErrUnauthenticated, true, long[:len(long)-2])
			ask("other scheme", "/", "", ErrUnauthenticated, true, "Basic"+long[6:])
		}
		ask("brief", "/", "w", nil, true, brief)
		time.Sleep(9 * time.Second)
		ask("brief, near its end", "/", "w", nil, false, brief)
		time.Sleep(time.Second)
		ask("brief, at its end", "/", "w", nil, false, brief) // the leeway is still to come
		time.Sleep(10 * time.Second)
		ask("brief, after its end", "/", "w", errExpired, true, brief)
		ask("after its end again", "/", "w", errExpired, true, brief)
		below.revoked = true
		ask("trusted", "/", "u", nil, false, long)
		time.Sleep(time.Minute)
		ask("trusted no more", "/", "", ErrUnauthenticated, true, long)
	})
}

func TestTokenMemoryIsBounded(t *testing.T) {
	m := rememberTokens(&jwtAuth{}, time.Hour).(*tokenMemory)
	key := func(i int) (k [sha256.Size]byte) {
		binary.BigEndian.PutUint64(k[:], uint64(i))
		return k
	}
	always := key(0)
	m.remember(always, rememberedToken{identity: Identity{Subject: "u"}})
	for i := range 3*tokensKept + 1 {
		m.remember(key(i+1), rememberedToken{})
		if got, ok := m.recall(always); !ok || got.identity.Subject != "u" {
			t.Fatalf("one that is used all the time is forgotten after %d others", i+1)
		}
	}
	if n := m.known.Len(); n > 2*tokensKept {
		t.Errorf("remembers %d tokens, want at most %d", n, 2*tokensKept)
	}
	if _, ok := m.recall(key(1)); ok {
		t.Error("the first is still remembered")
	}
}

// Auth that asks for no token has none to remember, and a server can be told to check
// a token each time.
func TestTokenMemoryOfNoAuth(t *testing.T) {
	if _, ok := rememberTokens(None(), time.Hour).(noAuth); !ok {
		t.Error("it is not what it was")
	}
	g, err := NewGuard(&jwtAuth{}, nil, -1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := g.auth.(*jwtAuth); !ok {
		t.Errorf("without trust it is %T", g.auth)
	}
}

const testSecret = "a secret that only these tests know, and is long enough"

func mint(t testing.TB, subject string, scopes ...string) string {
	t.Helper()
	token, err := Token{Subject: subject, Scopes: scopes, TTL: time.Hour}.Sign([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}
