package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const testSecret = "0123456789abcdef0123456789abcdef"

func TestToken(t *testing.T) {
	file := writeFile(t, "jwt.secret", testSecret+"\n")
	r := call(t, nil, "token", "--user", "사용자-7", "--scope", "belfry:notify", "--scope", "belfry:ops", "--ttl", "90s", "--jwt-secret-file", file)
	r.wantOutput(t)

	var claims struct {
		jwt.RegisteredClaims
		Scope any `json:"scope"`
	}
	_, err := jwt.ParseWithClaims(strings.TrimSuffix(r.stdout, "\n"), &claims,
		func(*jwt.Token) (any, error) { return []byte(testSecret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatalf("parse %q: %v", r.stdout, err)
	}
	if claims.Subject != "사용자-7" {
		t.Errorf("sub %q", claims.Subject)
	}
	if claims.Scope != "belfry:notify belfry:ops" {
		t.Errorf("scope %v", claims.Scope)
	}
	if left := time.Until(claims.ExpiresAt.Time); left > 91*time.Second {
		t.Errorf("expires in %s, want at most 90s", left)
	}
}

func TestTokenRefuses(t *testing.T) {
	secret := writeFile(t, "jwt.secret", testSecret)
	short := writeFile(t, "jwt.secret", "  "+testSecret[:31]+"\n\n")
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"no user", []string{"--jwt-secret-file", secret}, []string{"--user", "required"}},
		{"bad user", []string{"--user", "a/b", "--jwt-secret-file", secret}, []string{"--user", `"/"`}},
		{"bad scope", []string{"--user", "u", "--scope", "belfry:notfy", "--jwt-secret-file", secret}, []string{"--scope", `"belfry:notfy"`, "belfry:notify"}},
		{"no time", []string{"--user", "u", "--ttl", "0s", "--jwt-secret-file", secret}, []string{"--ttl", "1s"}},
		{"no secret", []string{"--user", "u"}, []string{"--jwt-secret-file", "required", "openssl"}},
		{"secret not there", []string{"--user", "u", "--jwt-secret-file", "no-such-file"}, []string{"--jwt-secret-file", "no-such-file"}},
		{"secret is a folder", []string{"--user", "u", "--jwt-secret-file", os.TempDir()}, []string{"--jwt-secret-file"}},
		{"short secret", []string{"--user", "u", "--jwt-secret-file", short}, []string{"--jwt-secret-file", "31 bytes", "at least 32"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := call(t, nil, append([]string{"token"}, tt.args...)...)
			r.wantError(t, exitUsage, tt.want...)
			if strings.Contains(r.stderr, testSecret[:8]) {
				t.Errorf("the error tells the secret: %q", r.stderr)
			}
		})
	}
}
