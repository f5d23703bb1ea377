package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/server/auth"
)

// The times that the fetching of keys keeps to.
const (
	keySetEvery   = 10 * time.Minute
	keySetPause   = 10 * time.Second
	keySetRetry   = time.Second
	keySetTimeout = 10 * time.Second
	keySetWait    = 5 * time.Second
)

// provider is an identity provider that answers, fails or hangs as told.
type provider struct {
	mu     sync.Mutex
	status int
	body   func(context.Context) io.Reader
	err    error
	calls  int
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.err != nil {
		return nil, p.err
	}
	header := http.Header{"Location": {"https://elsewhere.example/jwks"}}
	return &http.Response{StatusCode: p.status, Header: header, Request: r, Body: io.NopCloser(p.body(r.Context()))}, nil
}

// publish has the provider answer with a key set.
func (p *provider) publish(t testing.TB, keys ...map[string]string) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	p.answer(http.StatusOK, func(context.Context) io.Reader { return bytes.NewReader(raw) })
}

func (p *provider) answer(status int, body func(context.Context) io.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body, p.err = status, body, nil
}

func (p *provider) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *provider) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// published is a key of a set as JSON has it; attributes are given as pairs.
func published(t testing.TB, key any, attributes ...string) map[string]string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString
	var k map[string]string
	switch key := key.(type) {
	case *rsa.PublicKey:
		k = map[string]string{"kty": "RSA", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(point)/2 + 1
		k = map[string]string{"kty": "EC", "crv": key.Params().Name, "x": text(point[1:half]), "y": text(point[half:])}
	case ed25519.PublicKey:
		k = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": text(key)}
	case []byte:
		k = map[string]string{"kty": "oct", "k": text(key)}
	default:
		t.Fatalf("there is no JWK of a %T", key)
	}
	for i := 0; i < len(attributes); i += 2 {
		k[attributes[i]] = attributes[i+1]
	}
	return k
}

// keyedAPI is a server that believes the keys of a provider. Its Run ends with
// the test.
func keyedAPI(t *testing.T, p *provider, edit ...func(*auth.JWTConfig)) (*api, *auth.Keys) {
	t.Helper()
	keys, err := auth.NewKeys(auth.KeysConfig{URL: "https://id.example/jwks?secret=word", Transport: p})
	if err != nil {
		t.Fatal(err)
	}
	config := auth.JWTConfig{Keys: keys, Leeway: auth.DefaultLeeway}
	for _, e := range edit {
		e(&config)
	}
	auth, err := auth.NewJWT(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- keys.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got %v from Run, want nil", err)
		}
	})
	return newAPI(t, func(c *Config) { c.Auth = auth }), keys
}

// signed returns a token of user a, good for an hour unless the claims say
// otherwise.
func signed(t testing.TB, method jwt.SigningMethod, key any, kid string, claims ...jwt.MapClaims) string {
	t.Helper()
	c := jwt.MapClaims{"sub": "a", "exp": time.Now().Add(time.Hour).Unix()}
	for _, more := range claims {
		for name, value := range more {
			c[name] = value
		}
	}
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	out, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + out
}

func newECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const unreadOfA = "/v1/users/a/unread"

func TestKeysAlgorithms(t *testing.T) {
	rsaKey := newRSAKey(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{}
	var keys []map[string]string
	tokens := map[string]string{}
	for _, x := range []struct {
		method jwt.SigningMethod
		key    crypto.Signer
	}{
		{jwt.SigningMethodRS256, rsaKey}, {jwt.SigningMethodRS384, rsaKey}, {jwt.SigningMethodRS512, rsaKey}, {jwt.SigningMethodPS256, rsaKey},
		{jwt.SigningMethodES256, newECKey(t, elliptic.P256())}, {jwt.SigningMethodES384, newECKey(t, elliptic.P384())},
		{jwt.SigningMethodES512, newECKey(t, elliptic.P521())}, {jwt.SigningMethodEdDSA, ed},
	} {
		kid := x.method.Alg()
		keys = append(keys, published(t, x.key.Public(), "kid", kid, "use", "sig"))
		tokens[kid] = signed(t, x.method, x.key, kid)
		tokens[kid+" without a kid"] = signed(t, x.method, x.key, "")
	}
	p.publish(t, keys...)
	a, k := keyedAPI(t, p)
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) { newAPIWith(t, a).get(unreadOfA, "Authorization", token).Want(200) })
	}
	if !ready(k) {
		t.Error("not ready, want it ready")
	}
}

// TestKeysRotation has a provider change its key: who comes with the new one
// waits for the set, all together, and the old key goes with it.
func TestKeysRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		before, after := newECKey(t, elliptic.P256()), newECKey(t, elliptic.P256())
		p.publish(t, published(t, before.Public(), "kid", "1"))
		a, _ := keyedAPI(t, p)
		a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, before, "1")).Want(200)
		time.Sleep(keySetPause)
		p.publish(t, published(t, after.Public(), "kid", "2"))
		var codes sync.Map
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				codes.Store(i, a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, after, "2")).Code)
			})
		}
		wg.Wait()
		for i, code := range codes.Range {
			if code != 200 {
				t.Errorf("request %v: got %v, want 200", i, code)
			}
		}
		if got := p.Count(); got != 2 {
			t.Errorf("got %d fetches, want 2", got)
		}
		a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, before, "1")).WantProblem(401, "")
	})
}

// TestWithdrawnKeys has a provider withdraw a key: its tokens are refused although they
// were found good a moment ago, its streams end, those of its tickets too, and no other.
func TestWithdrawnKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		stolen, good := newECKey(t, elliptic.P256()), newECKey(t, elliptic.P256())
		p.publish(t, published(t, stolen.Public(), "kid", "1"), published(t, good.Public(), "kid", "2"))
		a, _ := keyedAPI(t, p)
		a = newAPI(t, func(c *Config) { c.Auth, c.TicketSecret, c.TokenTrust = a.config.Auth, []byte(testSecret), time.Hour })
		ofStolen, ofGood := signed(t, jwt.SigningMethodES256, stolen, "1"), signed(t, jwt.SigningMethodES256, good, "2")
		a.get(unreadOfA, "Authorization", ofStolen).Want(200)
		ticket := a.askTicket("a", strings.TrimPrefix(ofStolen, "Bearer "))
		ended := map[string]chan time.Time{}
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		open := func(name, query string, header ...string) {
			done := make(chan time.Time, 1)
			ended[name] = done
			b := &api{t: t, ctx: ctx, fake: a.fake, Server: a.Server}
			go func() {
				b.get("/v1/users/a/stream"+query, header...).Want(200)
				done <- time.Now()
			}()
		}
		open("stolen", "", "Authorization", ofStolen)
		open("ticket", "?ticket="+ticket)
		open("good", "", "Authorization", ofGood)
		time.Sleep(time.Minute)
		p.publish(t, published(t, good.Public(), "kid", "2"))
		time.Sleep(keySetEvery - time.Minute - time.Second)
		unused := a.askTicket("a", strings.TrimPrefix(ofGood, "Bearer "))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for name, want := range map[string]bool{"stolen": true, "ticket": true, "good": false} {
			select {
			case at := <-ended[name]:
				if !want || at.Sub(start) > keySetEvery {
					t.Errorf("the stream of %s ended after %s", name, at.Sub(start))
				}
			default:
				if want {
					t.Errorf("the stream of %s goes on", name)
				}
			}
		}
		a.get(unreadOfA, "Authorization", ofStolen).WantProblem(401, "")
		a.get(unreadOfA, "Authorization", ofGood).Want(200)
		if body := a.stream("a", unused).Want(200).Body.String(); strings.Contains(body, "event: bye") {
			t.Errorf("got %q for a ticket of the other key", body)
		}
		cancel()
		synctest.Wait()
	})
}

// TestKeysRefreshIsBounded has somebody send unknown keys as fast as they can.
func TestKeysRefreshIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		key := newECKey(t, elliptic.P256())
		p.publish(t, published(t, key.Public(), "kid", "1"))
		a, _ := keyedAPI(t, p)
		start := time.Now()
		for i := range 600 {
			a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, key, string(rune('a'+i)))).WantProblem(401, "")
			time.Sleep(100 * time.Millisecond)
		}
		if got, most := p.Count(), 1+int(time.Since(start)/keySetPause); got < 2 || got > most {
			t.Errorf("got %d fetches in %s, want 2 to %d", got, time.Since(start), most)
		}
		// A known key waits for nothing.
		begin := time.Now()
		a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, key, "1")).Want(200)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("a known key waited for %s", waited)
		}
	})
}

// TestKeysOutage has the provider fail in every way after a good set: nothing
// hangs, the keys known stay good, and the next good set is found.
func TestKeysOutage(t *testing.T) {
	text := func(s string) func(context.Context) io.Reader {
		return func(context.Context) io.Reader { return strings.NewReader(s) }
	}
	failures := map[string]func(p *provider){
		"down":             func(p *provider) { p.fail(errors.New("connection refused")) },
		"status":           func(p *provider) { p.answer(503, text(`{"keys":[]}`)) },
		"redirect":         func(p *provider) { p.answer(302, text(``)) },
		"garbage":          func(p *provider) { p.answer(200, text(`<html>`)) },
		"another document": func(p *provider) { p.answer(200, text(`{"issuer":"x"}`)) },
		"no key":           func(p *provider) { p.answer(200, text(`{"keys":[]}`)) },
		"useless keys":     func(p *provider) { p.answer(200, text(`{"keys":[{"kty":"oct","k":"AAAA","kid":"1"},{"kty":"new"}]}`)) },
		"empty":            func(p *provider) { p.answer(200, text(``)) },
		"endless":          func(p *provider) { p.answer(200, func(context.Context) io.Reader { return endless{} }) },
		"hangs":            func(p *provider) { p.answer(200, func(ctx context.Context) io.Reader { return hanging{ctx} }) },
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{}
				known, next := newECKey(t, elliptic.P256()), newECKey(t, elliptic.P256())
				p.publish(t, published(t, known.Public(), "kid", "1"))
				a, k := keyedAPI(t, p)
				a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, known, "1")).Want(200)
				fail(p)
				time.Sleep(keySetPause)
				begin := time.Now()
				a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, next, "2")).WantProblem(503, "")
				if waited := time.Since(begin); waited > keySetWait {
					t.Errorf("a request waited for %s", waited)
				}
				time.Sleep(24 * time.Hour)
				a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, known, "1")).Want(200)
				if ready, detail := k.Ready(); !ready || detail == "" {
					t.Errorf("got ready %t, %q, want it ready and to tell", ready, detail)
				}
				p.publish(t, published(t, next.Public(), "kid", "2"))
				time.Sleep(keySetEvery + keySetTimeout)
				a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, next, "2")).Want(200)
			})
		})
	}
}

// endless is a document without end, and hanging one that never begins.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

type hanging struct{ ctx context.Context }

func (h hanging) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// TestKeysStart has a server start while the provider is away: it is not ready,
// answers 503 at once, and is there soon after the provider is.
func TestKeysStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		p.fail(errors.New("no route to host"))
		key := newECKey(t, elliptic.P256())
		a, k := keyedAPI(t, p)
		a.config.Readiness = func() []Condition { return []Condition{{Name: "token keys", Ready: ready(k)}} }
		token := signed(t, jwt.SigningMethodES256, key, "1")
		a.get("/readyz").Want(503)
		a.get(unreadOfA, "Authorization", token).WantProblem(503, "")
		a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, key, "")).WantProblem(503, "")
		a.get("/healthz").Want(200)
		p.publish(t, published(t, key.Public(), "kid", "1"))
		time.Sleep(2 * keySetRetry)
		a.get("/readyz").Want(200)
		a.get(unreadOfA, "Authorization", token).Want(200)
	})
}

func TestKeysURL(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://id.example/jwks": true, "http://localhost:8080/jwks": true, "http://127.0.0.1/jwks": true,
		"http://id.example/jwks": false, "": false, "/jwks": false, "ftp://id.example/jwks": false, "https://": false, "https://user:word@%zz": false,
	} {
		_, err := auth.NewKeys(auth.KeysConfig{URL: url})
		if (err == nil) != ok {
			t.Errorf("%s: got %v, want accepted: %t", url, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "word") {
			t.Errorf("%s: the error tells the password: %v", url, err)
		}
	}
}

// TestKeysLog tells of a fetch that fails, without what the URL may hide.
func TestKeysLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := &provider{}
		p.fail(errors.New("connection refused"))
		c := Config{}
		withLog(&log)(&c)
		keys, err := auth.NewKeys(auth.KeysConfig{URL: "https://reader:word@id.example/jwks?key=word", Transport: p, Logger: c.Logger})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), keySetRetry/4)
		defer cancel()
		if err := keys.Run(ctx); err != nil {
			t.Fatal(err)
		}
		got := log.String()
		if strings.Count(got, "\n") != 1 || !strings.Contains(got, "https://id.example/jwks") || !strings.Contains(got, "refused") || strings.Contains(got, "word") {
			t.Errorf("got log %q, want one line with the place and the cause and without the password", got)
		}
	})
}

func ready(k *auth.Keys) bool {
	ready, _ := k.Ready()
	return ready
}
