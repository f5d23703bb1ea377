package links_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/links"
)

var now = time.Unix(1_790_000_000, 0)

func signer(t *testing.T, secret, public string) *links.Signer {
	t.Helper()
	s, err := links.NewSigner([]byte(secret), public)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLinkIsReadBack(t *testing.T) {
	s := signer(t, strings.Repeat("s", 32), "https://intranet.example/belfry/")
	for _, l := range []links.Link{
		{Action: links.Read, User: "사용자-7", Seq: 1 << 63, Until: now.Add(links.ReadLife)},
		{Action: links.Unsubscribe, User: "kim", Channel: "mail", Category: "board", Until: now.Add(links.UnsubscribeLife)},
		{Action: links.Unsubscribe, User: strings.Repeat("u", 128), Channel: "mail", Until: now.Add(time.Second)},
	} {
		token, found := strings.CutPrefix(s.URL(l), "https://intranet.example/belfry/v1/links/")
		if got, err := s.Parse(token, now); !found || err != nil || got != l {
			t.Errorf("%s is %+v, %v, want %+v", s.URL(l), got, err, l)
		}
	}
	if got := signer(t, strings.Repeat("s", 32), "").URL(links.Link{Action: links.Read, User: "kim", Seq: 1}); !strings.HasPrefix(got, "/v1/links/") {
		t.Errorf("without a public address the link is %s", got)
	}
}

// TestLinkIsRefused has every change of a token, and every link that nobody signs.
func TestLinkIsRefused(t *testing.T) {
	s := signer(t, strings.Repeat("s", 32), "")
	good := links.Link{Action: links.Read, User: "kim", Seq: 7, Until: now.Add(time.Hour)}
	token := s.Token(good)
	refused := map[string]string{
		"":                       "empty",
		"AA":                     "short",
		token + "\n":             "a line break",
		token + "=":              "padding",
		strings.Repeat("A", 4e3): "long",
		signer(t, strings.Repeat("t", 32), "").Token(good): "another secret",
	}
	for i := range token {
		for _, with := range []string{"A", "B", "-", "."} {
			if changed := token[:i] + with + token[i+1:]; changed != token {
				refused[changed] = "another letter"
			}
		}
	}
	for why, l := range map[string]links.Link{
		"ended":              {Action: links.Read, User: "kim", Seq: 7, Until: now},
		"no item":            {Action: links.Read, User: "kim", Until: now.Add(time.Hour)},
		"no channel":         {Action: links.Unsubscribe, User: "kim", Until: now.Add(time.Hour)},
		"no user":            {Action: links.Read, Seq: 7, Until: now.Add(time.Hour)},
		"an action of later": {Action: 9, User: "kim", Seq: 7, Channel: "mail", Until: now.Add(time.Hour)},
		"longer than any":    {Action: links.Unsubscribe, User: "kim", Channel: "mail", Category: strings.Repeat("c", 2000), Until: now.Add(time.Hour)},
	} {
		refused[s.Token(l)] = why
	}
	for token, why := range refused {
		if l, err := s.Parse(token, now); !errors.Is(err, links.ErrLink) {
			t.Errorf("%s: %q is %+v, %v, want it refused", why, token, l, err)
		}
	}
	if _, err := links.NewSigner(make([]byte, 31), ""); err == nil {
		t.Error("a secret of 31 bytes was taken")
	}
}
