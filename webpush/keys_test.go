package webpush_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/webpush"
)

func TestKeysAreReadBack(t *testing.T) {
	keys, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	text, err := keys.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := webpush.ParseKeys(text)
	if err != nil || again.Public() != keys.Public() || len(keys.Public()) != 87 {
		t.Errorf("got %v, %v", again, err)
	}
	// A pair that npm's web-push made.
	again, err = webpush.ParseKeys([]byte("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\n"))
	if err != nil || again.Public() != "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8" {
		t.Errorf("got %v, %v", again, err)
	}
	for _, bad := range []string{"", "secret", strings.Repeat("A", 43), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", strings.ReplaceAll(string(text), "PRIVATE", "PUBLIC")[:80]} {
		if k, err := webpush.ParseKeys([]byte(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is %v, %v", bad, k, err)
		}
	}
}

func TestSubject(t *testing.T) {
	for _, good := range []string{"mailto:ops@example.com", "https://example.com/contact"} {
		if err := webpush.CheckSubject(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "ops@example.com", "mailto:", "mailto:ops", "mailto:<ops@example.com>", "mailto: ops@example.com", "mailto:ops@localhost",
		"https://localhost", "https://localhost:8080/", "https://10.0.0.1/", "http://example.com", "https://", "mailto:ops@example.com?subject=x"} {
		if err := webpush.CheckSubject(bad); err == nil {
			t.Errorf("%q is a subject", bad)
		}
	}
}
