package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

// TestJWTConfusion has tokens that would be good if a key were used in another
// way than it is meant for. The server takes a secret and keys.
func TestJWTConfusion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rsaKey, small := newRSAKey(t), newECKey(t, elliptic.P256())
		encrypting, bound := newECKey(t, elliptic.P256()), newECKey(t, elliptic.P384())
		der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
		if err != nil {
			t.Fatal(err)
		}
		known := strings.Repeat("a secret that is published ", 2)
		p := &provider{}
		p.publish(t,
			published(t, rsaKey.Public(), "kid", "rsa"),
			published(t, small.Public(), "kid", "ec"),
			published(t, encrypting.Public(), "kid", "enc", "use", "enc"),
			published(t, bound.Public(), "kid", "bound", "alg", "ES384"),
			published(t, []byte(known), "kid", "oct"),
		)
		a, _ := keyedAPI(t, p, func(c *auth.JWTConfig) { c.Secret = []byte(testSecret) })
		secret := []byte(testSecret)
		hs := func(key []byte, kid string) string { return signed(t, jwt.SigningMethodHS256, key, kid) }
		header := func(name string, value any) string {
			token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "a", "exp": time.Now().Add(time.Hour).Unix()})
			token.Header[name] = value
			out, err := token.SignedString(secret)
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + out
		}
		for name, token := range map[string]string{
			"secret":            hs(secret, ""),
			"secret with a kid": hs(secret, "rsa"),
			"rsa":               signed(t, jwt.SigningMethodRS256, rsaKey, "rsa"),
			"ec":                signed(t, jwt.SigningMethodES256, small, "ec"),
			"bound":             signed(t, jwt.SigningMethodES384, bound, "bound"),
		} {
			if got := a.get(unreadOfA, "Authorization", token).Code; got != 200 {
				t.Errorf("%s: got %d, want 200", name, got)
			}
		}
		good := signed(t, jwt.SigningMethodRS256, rsaKey, "rsa")
		for name, token := range map[string]string{
			"public key as a secret, PEM":     hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "rsa"),
			"public key as a secret, DER":     hs(der, "rsa"),
			"public key as a secret, modulus": hs(rsaKey.N.Bytes(), "rsa"),
			"no algorithm":                    signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "rsa"),
			"no signature":                    good[:strings.LastIndex(good, ".")+1],
			"algorithm of another length":     signed(t, jwt.SigningMethodHS512, secret, ""),
			"secret from the key set":         hs([]byte(known), "oct"),
			"key for encryption":              signed(t, jwt.SigningMethodES256, encrypting, "enc"),
			"another kind of key":             signed(t, jwt.SigningMethodES256, small, "rsa"),
			"key of another curve":            signed(t, jwt.SigningMethodES384, newECKey(t, elliptic.P384()), "ec"),
			"key bound to an algorithm":       signed(t, jwt.SigningMethodRS256, rsaKey, "bound"),
			"key of somebody else":            signed(t, jwt.SigningMethodRS256, newRSAKey(t), "rsa"),
			"unknown key":                     signed(t, jwt.SigningMethodRS256, rsaKey, "other"),
			"unknown algorithm":               header("alg", "HS257"),
			"algorithm in lower case":         header("alg", "hs256"),
			"algorithm that is no text":       header("alg", 7),
			"kid that is no text":             signedWith(t, small, map[string]any{"kid": []string{"ec"}}),
			"critical extension":              header("crit", []string{"exp"}),
		} {
			got := a.get(unreadOfA, "Authorization", token)
			if got.Code != 401 {
				t.Errorf("%s: got %d, want 401", name, got.Code)
			}
			if strings.Contains(got.Body.String(), token[len("Bearer "):][:20]) {
				t.Errorf("%s: the token is in the answer: %s", name, got.Body)
			}
		}
	})
}

// TestJWTKeysOnly has a server without a secret take no token that is signed
// with one, and the other way round.
func TestJWTKeysOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		key := newECKey(t, elliptic.P256())
		p.publish(t, published(t, key.Public(), "kid", "1"))
		a, _ := keyedAPI(t, p)
		a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodHS256, []byte{}, "1")).WantProblem(401, "")
		a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodHS256, []byte(testSecret), "1")).WantProblem(401, "")
		b := newAPI(t, withJWT(t))
		b.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodES256, key, "1")).WantProblem(401, "")
	})
}

func TestJWTAudienceAndIssuer(t *testing.T) {
	believed, err := auth.NewJWT(auth.JWTConfig{Secret: []byte(testSecret), Audience: "belfry", Issuer: "https://id.example"})
	if err != nil {
		t.Fatal(err)
	}
	a := newAPI(t, func(c *Config) { c.Auth = believed })
	past := time.Now().Add(-time.Hour).Unix()
	good := jwt.MapClaims{"aud": "belfry", "iss": "https://id.example"}
	for name, tt := range map[string]struct {
		claims jwt.MapClaims
		detail string // "" if it is good
	}{
		"both":                      {good, ""},
		"among several":             {jwt.MapClaims{"aud": []string{"x", "belfry"}, "iss": "https://id.example"}, ""},
		"no audience":               {jwt.MapClaims{"iss": "https://id.example"}, "no audience"},
		"no issuer":                 {jwt.MapClaims{"aud": "belfry"}, "no issuer"},
		"another audience":          {jwt.MapClaims{"aud": "belfry2", "iss": "https://id.example"}, "another audience"},
		"another issuer":            {jwt.MapClaims{"aud": "belfry", "iss": "https://id.example/"}, "another issuer"},
		"audience of another type":  {jwt.MapClaims{"aud": 7, "iss": "https://id.example"}, "required"},
		"expired, another audience": {jwt.MapClaims{"aud": "x", "iss": "https://id.example", "exp": past}, "another audience"},
		"expired, another issuer":   {jwt.MapClaims{"aud": "belfry", "iss": "x", "exp": past}, "another issuer"},
		"expired":                   {jwt.MapClaims{"aud": "belfry", "iss": "https://id.example", "exp": past}, "has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPIWith(t, a)
			got := a.get(unreadOfA, "Authorization", signed(t, jwt.SigningMethodHS256, []byte(testSecret), "", tt.claims))
			if tt.detail == "" {
				got.Want(200)
				return
			}
			if p := servertest.Into[problem](got.WantProblem(401, "")); !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("got detail %q, want %q in it", p.Detail, tt.detail)
			}
		})
	}
	minted, err := auth.Token{Subject: "a", Audience: "belfry", Issuer: "https://id.example", TTL: time.Hour}.Sign([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	a.get(unreadOfA, "Authorization", "Bearer "+minted).Want(200)
}

// TestJWTClockSkew holds where the leeway ends, on both sides.
func TestJWTClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, leeway := range []time.Duration{0, auth.DefaultLeeway, time.Minute} {
			auth, err := auth.NewJWT(auth.JWTConfig{Secret: []byte(testSecret), Leeway: leeway})
			if err != nil {
				t.Fatal(err)
			}
			a := newAPI(t, func(c *Config) { c.Auth = auth })
			try := func(claim string, at time.Duration, want int) {
				t.Helper()
				token := signed(t, jwt.SigningMethodHS256, []byte(testSecret), "", jwt.MapClaims{claim: time.Now().Add(at).Unix()})
				if got := a.get(unreadOfA, "Authorization", token).Code; got != want {
					t.Errorf("leeway %s, %s %s from now: got %d, want %d", leeway, claim, at, got, want)
				}
			}
			try("exp", -leeway+time.Second, 200)
			try("exp", -leeway-time.Second, 401)
			try("nbf", leeway, 200)
			try("nbf", leeway+time.Second, 401)
		}
		if _, err := auth.NewJWT(auth.JWTConfig{Secret: []byte(testSecret), Leeway: -1}); err == nil {
			t.Error("a negative leeway is accepted")
		}
		if _, err := auth.NewJWT(auth.JWTConfig{}); err == nil {
			t.Error("neither a secret nor keys are accepted")
		}
	})
}

// signedWith returns a token with these headers.
func signedWith(t testing.TB, key *ecdsa.PrivateKey, headers map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"sub": "a", "exp": time.Now().Add(time.Hour).Unix()})
	for name, value := range headers {
		token.Header[name] = value
	}
	out, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + out
}
