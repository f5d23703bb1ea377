package links

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"
	"time"
)

// TestWhatWasSignedOtherwiseIsRefused has bytes with a good signature that no [Signer.Token]
// of this format makes: of a later one, or cut.
func TestWhatWasSignedOtherwiseIsRefused(t *testing.T) {
	s, err := NewSigner(bytes.Repeat([]byte("s"), MinSecretBytes), "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	raw, err := base64.RawURLEncoding.DecodeString(s.Token(Link{Action: Unsubscribe, User: "kim", Channel: "mail", Category: "board", Until: now.Add(time.Hour)}))
	if err != nil {
		t.Fatal(err)
	}
	good := raw[:len(raw)-macBytes]
	sign := func(b []byte) string {
		return base64.RawURLEncoding.EncodeToString(append(bytes.Clone(b), s.mac(b)...))
	}
	if _, err := s.Parse(sign(good), now); err != nil {
		t.Fatalf("what Token writes is refused: %v", err)
	}
	refused := map[string][]byte{
		"of a later format": append([]byte{format + 1}, good[1:]...),
		"with a byte more":  append(bytes.Clone(good), 0),
	}
	for n := 2; n < len(good); n++ {
		refused["cut to "+string(good[:n])] = good[:n]
	}
	for why, b := range refused {
		if l, err := s.Parse(sign(b), now); !errors.Is(err, ErrLink) {
			t.Errorf("%q: got %+v, %v", why, l, err)
		}
	}
}
