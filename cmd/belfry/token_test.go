package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/programtest"
)

func TestToken(t *testing.T) {
	file := programtest.WriteFile(t, "jwt.secret", programtest.Secret+"\n")
	r := call(t, nil, "token", "--user", "사용자-7", "--scope", "belfry:notify", "--scope", "belfry:ops", "--ttl", "90s", "--jwt-secret-file", file)
	r.WantOutput(t)

	var claims struct {
		jwt.RegisteredClaims
		Scope any `json:"scope"`
	}
	_, err := jwt.ParseWithClaims(strings.TrimSuffix(r.Stdout, "\n"), &claims,
		func(*jwt.Token) (any, error) { return []byte(programtest.Secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatalf("parse %q: %v", r.Stdout, err)
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
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	short := programtest.WriteFile(t, "jwt.secret", "  "+programtest.Secret[:31]+"\n\n")
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
		{"secret not there", []string{"--user", "u", "--jwt-secret-file", "no-such-file"}, []string{"--jwt-secret-file", "no such file"}},
		{"secret is a folder", []string{"--user", "u", "--jwt-secret-file", os.TempDir()}, []string{"--jwt-secret-file"}},
		{"short secret", []string{"--user", "u", "--jwt-secret-file", short}, []string{"--jwt-secret-file", "31 bytes", "at least 32"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := call(t, nil, append([]string{"token"}, tt.args...)...)
			r.WantError(t, cli.ExitUsage, tt.want...)
			if strings.Contains(r.Stderr, programtest.Secret[:8]) {
				t.Errorf("the error tells the secret: %q", r.Stderr)
			}
		})
	}
}

// A token minted for an audience and an issuer is what a server asks for that
// has the same settings.
func TestTokenAudienceAndIssuer(t *testing.T) {
	flags := []string{"--jwt-secret-file", programtest.WriteFile(t, "jwt.secret", programtest.Secret), "--jwt-audience", "belfry", "--jwt-issuer", "https://id.example"}
	r := call(t, nil, append([]string{"token", "--user", "u"}, flags...)...)
	r.WantOutput(t)
	var o options.JWT
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(fs)
	if err := errors.Join(fs.Parse(flags), o.Validate()); err != nil {
		t.Fatal(err)
	}
	if o.Audience != "belfry" || o.Issuer != "https://id.example" {
		t.Errorf("got audience %q and issuer %q", o.Audience, o.Issuer)
	}
	_, err := jwt.Parse(strings.TrimSpace(r.Stdout), func(*jwt.Token) (any, error) { return o.Secret, nil },
		jwt.WithAudience(o.Audience), jwt.WithIssuer(o.Issuer))
	if err != nil {
		t.Errorf("the token is not for them: %v", err)
	}
}
