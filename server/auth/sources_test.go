package auth

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"path"
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
