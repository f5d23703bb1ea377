package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	// maxKeys bounds how many signatures are tried for a token without a kid.
	maxKeys = 100
	// minRSABits is the shortest RSA key (RFC 7518 section 3.3).
	minRSABits = 2048
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
}

// fits reports whether the key is one for m.
func (k publicKey) fits(m jwt.SigningMethod) bool {
	if k.alg != "" && k.alg != m.Alg() {
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

// keySet is what was fetched, by kid; nil before that. It must not be changed.
type keySet map[string][]publicKey

// find returns the keys that may have signed t: those with its kid, or all if
// it names none.
func (s keySet) find(t *jwt.Token) jwt.VerificationKeySet {
	var found jwt.VerificationKeySet
	add := func(keys []publicKey) {
		for _, k := range keys {
			if k.fits(t.Method) {
				found.Keys = append(found.Keys, k.key)
			}
		}
	}
	switch kid := t.Header["kid"].(type) {
	case string:
		add(s[kid])
	case nil:
		for _, keys := range s {
			add(keys)
		}
	}
	return found
}

func (s keySet) len() int {
	n := 0
	for _, keys := range s {
		n += len(keys)
	}
	return n
}

// parseKeySet reads a JWK Set. Keys that are not for checking signatures, too
// weak or of a kind we do not know are left out; a set without any other is an
// error, so that garbage does not lock everybody out. Errors hold nothing of
// the document.
func parseKeySet(body []byte) (keySet, error) {
	parsed, err := jwk.Parse(body, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, errors.New("the key set is no JWK Set")
	}
	if parsed.Len() > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than %d", parsed.Len(), maxKeys)
	}
	set := keySet{}
	for i := range parsed.Len() {
		key, ok := parsed.Key(i)
		if !ok {
			continue
		}
		if k, ok := newPublicKey(key); ok {
			set[k.kid] = append(set[k.kid], k)
		}
	}
	if len(set) == 0 {
		return nil, errors.New("the key set has no key to check signatures with")
	}
	return set, nil
}

func newPublicKey(key jwk.Key) (publicKey, bool) {
	if use, ok := key.KeyUsage(); ok && use != "" && use != jwk.ForSignature.String() {
		return publicKey{}, false
	}
	if ops, ok := key.KeyOps(); ok && len(ops) > 0 && !canVerify(ops) {
		return publicKey{}, false
	}
	public, err := key.PublicKey()
	if err != nil {
		return publicKey{}, false
	}
	var out publicKey
	if err := jwk.Export(public, &out.key); err != nil {
		return publicKey{}, false
	}
	switch key := out.key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return publicKey{}, false
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default: // a symmetric key above all
		return publicKey{}, false
	}
	out.kid, _ = key.KeyID()
	if alg, ok := key.Algorithm(); ok && alg != nil {
		out.alg = alg.String()
	}
	if out.alg == "Ed25519" { // RFC 9864 section 2.2; tokens still say EdDSA
		out.alg = jwt.SigningMethodEdDSA.Alg()
	}
	return out, true
}

func canVerify(ops jwk.KeyOperationList) bool {
	for _, op := range ops {
		if op == jwk.KeyOpVerify {
			return true
		}
	}
	return false
}
