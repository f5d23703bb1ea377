package auth

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestForgedTokensAreNotRead holds that whoever can sign nothing makes no work by what he
// writes into a token or a ticket: before, 24 KB of lists were 18,000 allocations.
func TestForgedTokensAreNotRead(t *testing.T) {
	auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := newTickets([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	const header, other = `{"alg":"HS256"}`, "another secret than the one of the tests"
	claims := fmt.Sprintf(`{"sub":"attacker","exp":%d}`, time.Now().Add(time.Hour).Unix())
	with := func(object, value string) string { return object[:len(object)-1] + `,"x":` + value + "}" }
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	wide := func(n int) string { return "[" + strings.Repeat(`{"y":0},`, n) + "0]" }
	for name, tt := range map[string]struct {
		header, claims, secret string
	}{
		"deep claims, forged":   {header, with(claims, deep(6000)), other},
		"wide claims, forged":   {header, with(claims, wide(1500)), other},
		"deep header, forged":   {with(header, deep(6000)), claims, other},
		"wide header, forged":   {with(header, wide(1500)), claims, other},
		"header of 2 KB, deep":  {with(header, deep(1000)), claims, other},
		"header of 2 KB, wide":  {with(header, wide(250)), claims, other},
		"long header, signed":   {with(header, deep(2000)), claims, testSecret},
		"longer than any token": {header, with(claims, `"`+strings.Repeat("x", maxTokenBytes)+`"`), testSecret},
	} {
		t.Run(name, func(t *testing.T) {
			token := signText(tt.header, tt.claims, []byte(tt.secret))
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			if id, err := auth.authenticate(r); err == nil {
				t.Errorf("a token: %q is known", id.Subject)
			}
			if _, err := tickets.read(token); err == nil {
				t.Error("a ticket: it is good")
			}
			allocations := testing.AllocsPerRun(10, func() {
				_, _ = auth.authenticate(r)
				_, _ = tickets.read(token)
			})
			if allocations > 100 {
				t.Errorf("%.0f allocations", allocations)
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+signText(with(header, deep(1000)), with(claims, deep(5000)), []byte(testSecret)))
	if id, err := auth.authenticate(r); err != nil || id.Subject != "attacker" {
		t.Errorf("a long token that is signed: %q, %v", id.Subject, err)
	}
}
