package browser

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Browser has a subscription, and reads what is encrypted for it.
type Browser struct {
	Endpoint     string
	P256dh, Auth string // as its PushSubscription has them

	private *ecdh.PrivateKey
	auth    []byte
}

// New returns a browser with keys of its own, subscribed at an endpoint.
func New(endpoint string) *Browser {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	b := &Browser{Endpoint: endpoint, private: private, auth: make([]byte, 16)}
	_, _ = rand.Read(b.auth)
	b.P256dh = base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes())
	b.Auth = base64.RawURLEncoding.EncodeToString(b.auth)
	return b
}

// Decrypt reads a body by RFC 8291 and RFC 8188, written apart from the code that
// makes one.
func (b *Browser) Decrypt(body []byte) ([]byte, error) {
	if len(body) < 86+17 || body[20] != 65 {
		return nil, fmt.Errorf("a body of %d bytes is none of aes128gcm with a key of P-256", len(body))
	}
	salt, sender, sealed := body[:16], body[21:86], body[86:]
	key, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := b.private.ECDH(key)
	if err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, shared, b.auth)
	if err != nil {
		return nil, err
	}
	info := bytes.Join([][]byte{[]byte("WebPush: info"), append([]byte{0}, b.private.PublicKey().Bytes()...), sender}, nil)
	ikm, err := hkdf.Expand(sha256.New, prk, string(info), 32)
	if err != nil {
		return nil, err
	}
	if prk, err = hkdf.Extract(sha256.New, ikm, salt); err != nil {
		return nil, err
	}
	cek, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	plain = bytes.TrimRight(plain, "\x00")
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errors.New("the record has no delimiter of a last one")
	}
	return plain[:len(plain)-1], nil
}
