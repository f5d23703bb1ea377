package server

import (
	"crypto/rand"
	"crypto/rsa"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/internal/servertest"
)

// TestRefusalsAreLogged looks in the log of the level debug for the reason of each
// refusal and for the key that the token names, and for nothing else of it.
func TestRefusalsAreLogged(t *testing.T) {
	var log servertest.Log
	a := newAPI(t, withJWT(t), func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	sign := func(m jwt.SigningMethod, key any, c jwt.MapClaims) string {
		token := jwt.NewWithClaims(m, c)
		token.Header["kid"] = "key-of-2026"
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	ours := func(c jwt.MapClaims) string { return sign(jwt.SigningMethodHS256, []byte(testSecret), c) }
	good := jwt.MapClaims{"sub": "a", "exp": in(time.Hour)}
	for _, tt := range []struct {
		name, path, token string
		want              []string
	}{
		{"another secret", "unread", sign(jwt.SigningMethodHS256, []byte(strings.ToUpper(testSecret)), good), []string{"its signature is wrong", "key-of-2026", "HS256"}},
		{"another algorithm", "unread", sign(jwt.SigningMethodRS256, rsaKey, good), []string{"its algorithm is not accepted", "key-of-2026", "RS256"}},
		{"no expiry", "unread", ours(jwt.MapClaims{"sub": "a"}), []string{"it has no expiry", "key-of-2026"}},
		{"no subject", "unread", ours(jwt.MapClaims{"exp": in(time.Hour)}), []string{"it has no subject"}},
		{"expired", "unread", ours(jwt.MapClaims{"sub": "a", "exp": in(-time.Hour)}), []string{"it has expired", "key-of-2026"}},
		{"not a token", "unread", "garbage", []string{"it is malformed"}},
		{"a stream", "stream", sign(jwt.SigningMethodHS256, []byte(strings.ToUpper(testSecret)), good), []string{"its signature is wrong"}},
		{"a ticket", "stream?ticket=" + sign(jwt.SigningMethodHS256, []byte(testSecret), good), "", []string{"ticket: its signature is wrong"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(log.String())
			headers := []string{"Authorization", "Bearer " + tt.token}
			if tt.token == "" {
				headers = nil
			}
			newAPIWith(t, a).get("/v1/users/a/"+tt.path, headers...)
			line := log.String()[before:]
			for _, want := range append(tt.want, "caller refused") {
				if !strings.Contains(line, want) {
					t.Errorf("logged %q, want %q in it", line, want)
				}
			}
			for part := range strings.SplitSeq(tt.token, ".") {
				if part != "" && strings.Contains(line, part) {
					t.Errorf("the token is in the log: %s", line)
				}
			}
		})
	}
}
