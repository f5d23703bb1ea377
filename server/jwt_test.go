package server

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

func TestJWTRefuses(t *testing.T) {
	now := time.Now()
	hour := jwt.NewNumericDate(now.Add(time.Hour))
	sign := func(m jwt.SigningMethod, key any, c jwt.Claims) string {
		t.Helper()
		token, err := jwt.NewWithClaims(m, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	ours := func(c jwt.MapClaims) string { return sign(jwt.SigningMethodHS256, []byte(testSecret), c) }
	good := jwt.MapClaims{"sub": "a", "exp": hour}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	valid := ours(good)
	tests := []struct{ name, header, detail string }{
		{"nothing", "", "required"},
		{"another scheme", "Basic " + valid, "required"},
		{"no token", "Bearer ", "required"},
		{"garbage", "Bearer garbage", "required"},
		{"another secret", "Bearer " + sign(jwt.SigningMethodHS256, []byte(strings.ToUpper(testSecret)), good), "required"},
		{"changed", "Bearer " + valid[:len(valid)-4] + "AAAA", "required"},
		{"no algorithm", "Bearer " + sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), "required"},
		{"another length", "Bearer " + sign(jwt.SigningMethodHS512, []byte(testSecret), good), "required"},
		{"another algorithm", "Bearer " + sign(jwt.SigningMethodRS256, rsaKey, good), "required"},
		{"no expiry", "Bearer " + ours(jwt.MapClaims{"sub": "a"}), "has no expiry"},
		{"no subject", "Bearer " + ours(jwt.MapClaims{"exp": hour}), "has no subject"},
		{"expired", "Bearer " + ours(jwt.MapClaims{"sub": "a", "exp": now.Add(-time.Minute).Unix()}), "has expired"},
		{"not yet", "Bearer " + ours(jwt.MapClaims{"sub": "a", "exp": hour, "nbf": now.Add(time.Minute).Unix()}), "not valid yet"},
		{"scope of another type", "Bearer " + ours(jwt.MapClaims{"sub": "a", "exp": hour, "scope": 7}), "required"},
		{"expiry of another type", "Bearer " + ours(jwt.MapClaims{"sub": "a", "exp": "tomorrow"}), "required"},
	}
	a := newAPI(t, withJWT(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newAPIWith(t, a).get("/v1/users/a/unread", "Authorization", tt.header).WantProblem(401, "")
			if p := servertest.Into[problem](got); !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("got detail %q, want %q in it", p.Detail, tt.detail)
			}
			want := `Bearer error="invalid_token"`
			if tt.header == "" {
				want = "Bearer"
			}
			got.WantHeader("WWW-Authenticate", want)
			if strings.Contains(got.Body.String(), valid[:20]) {
				t.Errorf("the token is in the answer: %s", got.Body)
			}
		})
	}
	newAPIWith(t, a).get("/v1/users/a/unread", "Authorization", "bearer "+valid).Want(200)
}

func TestJWTScopeForms(t *testing.T) {
	a := newAPI(t, withJWT(t))
	for _, tt := range []struct {
		scopes jwt.MapClaims
		want   int
	}{
		{jwt.MapClaims{"scope": "openid belfry:admin"}, 200},
		{jwt.MapClaims{"scope": []string{"openid", "belfry:admin"}}, 200},
		{jwt.MapClaims{"scp": "openid belfry:admin"}, 200},
		{jwt.MapClaims{"scp": []string{"openid", "belfry:admin"}}, 200},
		{jwt.MapClaims{"scp": "belfry:admin", "scope": nil}, 200},
		{jwt.MapClaims{"scp": "belfry:admin", "scope": "openid"}, 403},
		{jwt.MapClaims{"scp": "belfry:admin", "scope": ""}, 403},
		{jwt.MapClaims{"scp": "openid", "scope": "belfry:admin"}, 200},
		{jwt.MapClaims{"scp": 7, "scope": "belfry:admin"}, 200},
		{jwt.MapClaims{"scp": 7}, 401},
	} {
		claims := jwt.MapClaims{"sub": "x", "exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(claims, tt.scopes)
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(testSecret))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.get("/v1/users/a/unread", "Authorization", "Bearer "+token); got.Code != tt.want {
			t.Errorf("%v: got %d, want %d", tt.scopes, got.Code, tt.want)
		}
	}
}

func TestJWTSecretAndMint(t *testing.T) {
	short := []byte(testSecret[:auth.MinSecretBytes-1])
	if _, err := auth.NewJWT(auth.JWTConfig{Secret: short, Leeway: auth.DefaultLeeway}); err == nil || strings.Contains(err.Error(), string(short)) {
		t.Errorf("got %v for a short secret, want an error without it", err)
	}
	for name, mint := range map[string]func() (string, error){
		"short secret": func() (string, error) { return auth.Token{Subject: "a", TTL: time.Hour}.Sign(short) },
		"no subject": func() (string, error) {
			return auth.Token{Subject: "", TTL: time.Hour}.Sign([]byte(testSecret))
		},
		"two scopes in one": func() (string, error) {
			return auth.Token{Subject: "a", Scopes: []string{"x belfry:admin"}, TTL: time.Hour}.Sign([]byte(testSecret))
		},
		"no time": func() (string, error) { return auth.Token{Subject: "a", TTL: 0}.Sign([]byte(testSecret)) },
	} {
		if token, err := mint(); err == nil {
			t.Errorf("%s: got %q, want an error", name, token)
		}
	}
}

// TestJWTExpiredStream has an expired token end a stream with bye, since any
// error status would stop the client's EventSource for good, but only for what
// the token once allowed.
func TestJWTExpiredStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		token := "Bearer " + mint(t, "a")
		time.Sleep(time.Hour + time.Minute)
		got := a.get("/v1/users/a/stream", "Authorization", token).Want(200)
		if body := got.Body.String(); !strings.Contains(body, "event: bye\ndata: {\"reason\":\"expired\"}") {
			t.Errorf("got %q, want bye", body)
		}
		a.get("/v1/users/b/stream", "Authorization", token).WantProblem(401, "")
		// Nobody's stream, which would never end.
		a.get("/v1/users/__a/stream", "Authorization", token).WantProblem(401, "")
		a.get("/v1/users/a/unread", "Authorization", token).WantProblem(401, "")
	})
}

// TestJWTStreamEndsWithToken hands the token's end to the stream.
func TestJWTStreamEndsWithToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withJWT(t))
		start := time.Now()
		token := "Bearer " + mint(t, "a")
		a.get("/v1/users/a/stream", "Authorization", token).Want(200)
		// As long as a call with the token is answered.
		if got := time.Since(start) - auth.DefaultLeeway; got < time.Hour-time.Second || got > time.Hour {
			t.Errorf("the stream ended %s and the leeway after it began, want the token's hour", got)
		}
	})
}
