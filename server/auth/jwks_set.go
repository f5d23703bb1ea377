package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// maxKeys bounds the keys of a set.
	maxKeys = 100
	// maxTried bounds the signatures that are tried for one token. Of a set with more that fit
	// a token names its key, by a kid of its own.
	maxTried = 8
	// minRSABits is the shortest RSA key (RFC 7518 section 3.3).
	minRSABits = 2048
	// maxRSABits and maxRSAExponentBits bound how long a signature takes to check: with 16,384
	// bits and an exponent of 31 it is 8 ms.
	maxRSABits         = 8192
	maxRSAExponentBits = 24
)

// keyAlgorithms are those that a key of a set may sign with. There is no HMAC
// among them: a public key taken for a secret would be one that all know.
func keyAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// publicKey is a key of a set.
type publicKey struct {
	kid string // "" for none
	alg string // the only algorithm it is for, "" for any that it fits
	key any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	by  *signer
}

// signer is a key through all the sets that it is in: what it vouched for ends when it
// is in the set no more.
type signer struct {
	id        string // a hash of the key and what it is for
	withdrawn atomic.Bool
}

// signerID tells keys apart, the same on all servers.
func signerID(k publicKey) string {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		return "" // there is no key of another kind
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %x", k.kid, k.alg, der))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// follow gives the keys of a set that were in the one before their signers, withdraws
// those of the rest of it, and reports whether there were any.
func (s keySet) follow(before keySet) (withdrawn bool) {
	known := map[string]*signer{}
	for _, k := range before {
		known[k.by.id] = k.by
	}
	kept := map[string]bool{}
	for i := range s {
		id := signerID(s[i])
		if s[i].by = known[id]; s[i].by == nil {
			s[i].by = &signer{id: id}
			known[id] = s[i].by
		}
		kept[id] = true
	}
	for id, by := range known {
		if !kept[id] {
			by.withdrawn.Store(true)
			withdrawn = true
		}
	}
	return withdrawn
}

// signer returns the one of that id, nil if the set lacks it.
func (s keySet) signer(id string) *signer {
	for _, k := range s {
		if k.by.id == id {
			return k.by
		}
	}
	return nil
}

// fits reports whether the key is one for m.
func (k publicKey) fits(m jwt.SigningMethod) bool {
	// Keys may say Ed25519 (RFC 9864 section 2.2), tokens still say EdDSA.
	if alg := strings.Replace(k.alg, "Ed25519", "EdDSA", 1); alg != "" && alg != m.Alg() {
		return false
	}
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		switch m.(type) {
		case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
			return true
		}
	case *ecdsa.PublicKey:
		m, ok := m.(*jwt.SigningMethodECDSA)
		return ok && m.CurveBits == key.Params().BitSize
	case ed25519.PublicKey:
		_, ok := m.(*jwt.SigningMethodEd25519)
		return ok
	}
	return false
}

// keySet is what was fetched; nil before that. It must not be changed.
type keySet []publicKey

// find returns the keys that may have signed t: those with its kid, or all if
// it names none.
func (s keySet) find(t *jwt.Token) (found keySet) {
	for _, k := range s {
		kid := t.Header["kid"]
		if (kid == nil || kid == k.kid) && k.fits(t.Method) {
			found = append(found, k)
		}
	}
	return found
}

// parseKeySet reads a JWK Set (RFC 7517 section 5). Keys that are not for checking
// signatures, too weak, malformed or of a kind we do not know are left out; a set
// without any other is an error, so that garbage does not lock everybody out.
// Errors hold nothing of the document.
func parseKeySet(body []byte) (keySet, error) {
	var document struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if json.Unmarshal(body, &document) != nil {
		return nil, errors.New("the key set is no JWK Set")
	}
	var set keySet
	for _, raw := range document.Keys {
		var k jwk
		if json.Unmarshal(raw, &k) != nil || !k.verifies() {
			continue
		}
		if key := k.public(); key != nil {
			set = append(set, publicKey{kid: k.Kid, alg: k.Alg, key: key})
		}
	}
	switch {
	case len(set) == 0:
		return nil, errors.New("the key set has no key to check signatures with")
	case len(set) > maxKeys:
		return nil, fmt.Errorf("the key set has %d keys, more than %d", len(set), maxKeys)
	}
	return set, nil
}

// jwk is what is read of a key (RFC 7517 section 4): of a private one the public
// half. Names count exactly as they are; a key with one of them twice is left out.
type jwk struct {
	Kty    string   `json:"kty"`
	Kid    string   `json:"kid"`
	Use    string   `json:"use"`
	Alg    string   `json:"alg"`
	Crv    string   `json:"crv"`
	KeyOps []string `json:"key_ops"`
	N      octets   `json:"n"`
	E      octets   `json:"e"`
	X      octets   `json:"x"`
	Y      octets   `json:"y"`
}

// octets are bytes in base64url (RFC 7515 section 2), with or without padding.
type octets []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(string(text), "="))
	return err
}

// verifies reports whether the key is for checking signatures.
func (k *jwk) verifies() bool {
	return (k.Use == "" || k.Use == "sig") && (len(k.KeyOps) == 0 || slices.Contains(k.KeyOps, "verify"))
}

// public returns the key as [publicKey] has it (RFC 7518 section 6, RFC 8037
// section 2), nil for one that is not good.
func (k *jwk) public() any {
	switch k.Kty {
	case "RSA":
		n, e := new(big.Int).SetBytes(k.N), new(big.Int).SetBytes(k.E)
		if n.BitLen() >= minRSABits && n.BitLen() <= maxRSABits && e.BitLen() > 1 && e.BitLen() <= maxRSAExponentBits {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}
		}
	case "EC":
		for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
			x, y, bits := new(big.Int).SetBytes(k.X), new(big.Int).SetBytes(k.Y), curve.Params().BitSize
			if curve.Params().Name != k.Crv || max(x.BitLen(), y.BitLen()) > bits {
				continue
			}
			point := make([]byte, 1+2*((bits+7)/8))
			point[0] = 4 // uncompressed (SEC 1 section 2.3.3)
			half := len(point)/2 + 1
			x.FillBytes(point[1:half])
			y.FillBytes(point[half:])
			if key, err := ecdsa.ParseUncompressedPublicKey(curve, point); err == nil {
				return key
			}
		}
	case "OKP":
		if k.Crv == "Ed25519" && len(k.X) == ed25519.PublicKeySize {
			return ed25519.PublicKey(k.X)
		}
	}
	return nil
}
