package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/belfry/belfry"
)

// Sizes of a message in bytes. A push service takes MaxBody at least (RFC 8030,
// section 7.2), and the ones in use take no more.
const (
	MaxBody = 4096
	// MaxPayload is what a body carries: MaxBody less the header of the coding (salt,
	// record size, length of the key, key), the delimiter and the tag of the cipher.
	MaxPayload = MaxBody - headerBytes - 1 - tagBytes

	saltBytes   = 16
	keyBytes    = 65 // of an uncompressed point of P-256
	headerBytes = saltBytes + 4 + 1 + keyBytes
	tagBytes    = 16
	authBytes   = 16

	// paddingUnit is what a payload is padded to a multiple of, so that its length
	// tells a push service little.
	paddingUnit = 256
)

// Encrypt returns the body of a message for a subscription: payload under the
// content coding aes128gcm (RFC 8188), for the keys of the browser (RFC 8291), padded
// to a multiple of 256 bytes where there is room. The error matches
// belfry.ErrTooLarge if payload is longer than [MaxPayload]. Each body has a key pair
// and a salt of its own, as the RFC demands.
func Encrypt(payload []byte, to *Subscription) ([]byte, error) {
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key pair for a message: %w", err)
	}
	var salt [saltBytes]byte
	_, _ = rand.Read(salt[:]) // never fails
	return encrypt(payload, to, own, salt[:], padded(len(payload)))
}

// padded is the length of a payload with its padding.
func padded(n int) int {
	return min((n+paddingUnit-1)/paddingUnit*paddingUnit, MaxPayload)
}

// encrypt is Encrypt with all that is random, and the length to pad to.
func encrypt(payload []byte, to *Subscription, own *ecdh.PrivateKey, salt []byte, length int) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, &belfry.FieldError{Problem: fmt.Sprintf("payload of %d bytes, a push service takes %d", len(payload), MaxPayload), TooLarge: true}
	}
	shared, err := own.ECDH(to.key)
	if err != nil {
		return nil, fmt.Errorf("agree on a key: %w", err)
	}
	mine := own.PublicKey().Bytes()
	ikm, err := derive(shared, to.auth, "WebPush: info\x00"+string(to.key.Bytes())+string(mine), sha256.Size)
	if err != nil {
		return nil, err
	}
	contentKey, err := derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := derive(ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	length = max(length, len(payload)) + 1
	body := make([]byte, headerBytes+length, headerBytes+length+tagBytes)
	head := append(body[:0], salt...)
	head = binary.BigEndian.AppendUint32(head, MaxBody)
	head = append(head, keyBytes)
	head = append(head, mine...)
	plain := body[headerBytes:]
	copy(plain, payload)
	plain[len(payload)] = 2 // the delimiter of the last record; zeros follow
	return aead.Seal(head, nonce, plain, nil), nil
}

// derive is HKDF with SHA-256 (RFC 5869).
func derive(secret, salt []byte, info string, n int) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, info, n)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}
