package webpush

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// Keys are the pair by which push services know the sender (VAPID, RFC 8292). A
// browser subscribes with the public one, and its endpoint then takes messages of
// this pair alone. It is not modified and safe for concurrent use.
type Keys struct {
	private *ecdsa.PrivateKey
	public  string
}

// GenerateKeys makes a new pair.
func GenerateKeys() (*Keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key pair: %w", err)
	}
	return newKeys(private)
}

// errKeys says what a file of keys may hold.
var errKeys = errors.New("must hold a private key of P-256 in PEM, as belfry vapid makes one, or its 32 bytes in base64url, as web-push and others make it")

// ParseKeys reads what [Keys.PEM] returns, any other P-256 private key in PEM, or the
// 32 bytes of one in base64url, which is how web-push and its like print it.
func ParseKeys(text []byte) (*Keys, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		raw, err := decodeBase64(string(bytes.TrimSpace(text)))
		if err != nil || len(raw) != 32 {
			return nil, errKeys
		}
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
		if err != nil {
			return nil, errKeys
		}
		return newKeys(private)
	}
	if private, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return newKeys(private)
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errKeys
	}
	private, ok := any.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errKeys
	}
	return newKeys(private)
}

func newKeys(private *ecdsa.PrivateKey) (*Keys, error) {
	if private.Curve != elliptic.P256() {
		return nil, errKeys
	}
	public, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	return &Keys{private, base64.RawURLEncoding.EncodeToString(public)}, nil
}

// Public is the public key in base64url: applicationServerKey in a page.
func (k *Keys) Public() string { return k.public }

// PEM is the private key as PKCS #8 in PEM.
func (k *Keys) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
