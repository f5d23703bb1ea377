package webpush

import (
	"testing"
	"time"
)

func TestTokenIsMadeNowAndThen(t *testing.T) {
	keys, err := GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	made := &tokens{keys: keys, subject: "mailto:ops@example.com", now: func() time.Time { return now }}
	header := func(origin string) string {
		h, err := made.header(origin)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := header("https://a.example")
	if header("https://a.example") != first || header("https://b.example") == first {
		t.Error("want one token for each origin")
	}
	now = now.Add(tokenUse)
	second := header("https://a.example")
	if second == first {
		t.Error("the token is not made anew")
	}
	made.forget("https://a.example")
	if header("https://a.example") != second {
		t.Error("a new token is made anew, although it was the subscription that was refused")
	}
	now = now.Add(tokenRest)
	made.forget("https://a.example")
	if header("https://a.example") == second {
		t.Error("a token that was refused is used again")
	}
}
