package auth

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSourcesOfAToken(t *testing.T) {
	auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	for claim, sources := range map[string]map[string]bool{
		``:                                 {"orders": true, "me": true},
		`,"belfry_sources":null`:           {"orders": true, "me": true},
		`,"belfry_sources":[]`:             {"orders": false, "me": true},
		`,"belfry_sources":""`:             {"orders": false, "me": true},
		`,"belfry_sources":["orders"]`:     {"orders": true, "orders2": false, "": false, "me": true},
		`,"belfry_sources":"orders /eu/*"`: {"orders": true, "/eu/shop/1": true, "/us/eu/": false},
		`,"belfry_sources":["*"]`:          {"orders": true},
		`,"BELFRY_SOURCES":["orders"]`:     {"billing": true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		payload := fmt.Sprintf(`{"sub":"me","exp":%d%s}`, time.Now().Add(time.Hour).Unix(), claim)
		r.Header.Set("Authorization", "Bearer "+signText(`{"alg":"HS256"}`, payload, []byte(testSecret)))
		id, err := auth.authenticate(r)
		if err != nil {
			t.Fatal(err)
		}
		for source, want := range sources {
			if err := id.CheckSource(source); (err == nil) != want || err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: source %q: got %v, want allowed %t", claim, source, err, want)
			}
		}
	}
}

// TestSourcesOfATokenAreFew holds that a token has no more patterns than are looked at for
// each event of a call in a moment: 3,900 of them were 42 ms for 200 events.
func TestSourcesOfATokenAreFew(t *testing.T) {
	auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]bool{MaxSources: true, MaxSources + 1: false} {
		sources := slices.Repeat([]string{"a*"}, n)
		payload := fmt.Sprintf(`{"sub":"me","exp":%d,"belfry_sources":%q}`, time.Now().Add(time.Hour).Unix(), strings.Join(sources, " "))
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+signText(`{"alg":"HS256"}`, payload, []byte(testSecret)))
		if _, err := auth.authenticate(r); (err == nil) != want {
			t.Errorf("%d patterns: got %v, want them accepted: %t", n, err, want)
		}
		if _, err := (Token{Subject: "me", TTL: time.Hour, Sources: sources}).Sign([]byte(testSecret)); (err == nil) != want {
			t.Errorf("%d patterns are minted: got %v, want %t", n, err, want)
		}
	}
}

// TestMatchesIsThatOfPaths compares with package path, where no text has a slash.
func TestMatchesIsThatOfPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "text")
		want, err := path.Match(pattern, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := matches(pattern, text); got != want {
			t.Errorf("%q matches %q: got %t, want %t", pattern, text, got, want)
		}
	})
}
