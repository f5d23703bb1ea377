package webpush

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/belfry/belfry"
)

func b64(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEncryptIsRFC8291 is the example of RFC 8291, appendix A.
func TestEncryptIsRFC8291(t *testing.T) {
	to, err := NewSubscription("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
		"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "BTBZMqHH6r4Tts7J_aSIgg")
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdh.P256().NewPrivateKey(b64(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := encrypt([]byte("When I grow up, I want to be a watermelon"), to, own, b64(t, "DGv6ra1nlYgDCS1FRnbzlw"), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if text := base64.RawURLEncoding.EncodeToString(got); text != want {
		t.Errorf("got %s", text)
	}
}

func TestPaddingIsBounded(t *testing.T) {
	private, err := ecdh.P256().NewPrivateKey(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	to, err := NewSubscription("https://push.example.net/x", encode(private.PublicKey().Bytes()), encode(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]int{0: 0, 1: 256, 256: 256, 257: 512, 3900: MaxPayload, MaxPayload: MaxPayload} {
		body, err := Encrypt(make([]byte, n), to)
		if err != nil || len(body) != headerBytes+want+1+tagBytes || len(body) > MaxBody {
			t.Errorf("a payload of %d bytes makes a body of %d, %v, want %d", n, len(body), err, headerBytes+want+1+tagBytes)
		}
	}
	if _, err := Encrypt(make([]byte, MaxPayload+1), to); !errors.Is(err, belfry.ErrTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestSubscriptionIsRefused(t *testing.T) {
	const endpoint = "https://push.example.net/secret"
	key, auth := "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "BTBZMqHH6r4Tts7J_aSIgg"
	off := b64(t, key)
	off[64] ^= 1
	for _, c := range []struct{ endpoint, key, auth, field string }{
		{"", key, auth, "endpoint"},
		{"secret", key, auth, "endpoint"},
		{"https:secret", key, auth, "endpoint"},
		{"https:///secret", key, auth, "endpoint"},
		{"https://:443/secret", key, auth, "endpoint"},
		{"ftp://push.example.net/secret", key, auth, "endpoint"},
		{"https://u:p@push.example.net/secret", key, auth, "endpoint"},
		{endpoint + "#x", key, auth, "endpoint"},
		{endpoint + string(bytes.Repeat([]byte("x"), 2048)), key, auth, "endpoint"},
		{"https://push.example.net/\x7f", key, auth, "endpoint"},
		{endpoint, "", auth, "keys.p256dh"},
		{endpoint, key[:80], auth, "keys.p256dh"},
		{endpoint, "!" + key[1:], auth, "keys.p256dh"},
		{endpoint, base64.RawURLEncoding.EncodeToString(off), auth, "keys.p256dh"},
		{endpoint, base64.RawURLEncoding.EncodeToString(make([]byte, 65)), auth, "keys.p256dh"},
		{endpoint, key, "", "keys.auth"},
		{endpoint, key, auth + "AA", "keys.auth"},
	} {
		_, err := NewSubscription(c.endpoint, c.key, c.auth)
		var field *belfry.FieldError
		if !errors.As(err, &field) || field.Field != c.field || bytes.Contains([]byte(err.Error()), []byte("secret")) {
			t.Errorf("%+v: %v, want an error of %s without the endpoint", c, err, c.field)
		}
	}
	if _, err := NewSubscription(endpoint, key+"=", auth+"=="); err != nil {
		t.Errorf("with padding: %v", err)
	}
}
