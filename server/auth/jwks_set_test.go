package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func text64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// rsaMembers are those of an RSA key of that many bits.
func rsaMembers(bits uint) string {
	n := new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1)
	return fmt.Sprintf(`"kty":"RSA","n":%q,"e":"AQAB"`, text64(n.Bytes()))
}

// ecMembers are those of a new EC key.
func ecMembers(t *testing.T, curve elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := len(point)/2 + 1
	return fmt.Sprintf(`"kty":"EC","crv":%q,"x":%q,"y":%q`, curve.Params().Name, text64(point[1:half]), text64(point[half:]))
}

// TestKeySetTakesWhatIsGood holds which keys of a set are used, and for what.
func TestKeySetTakesWhatIsGood(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, p256 := rsaMembers(2048), ecMembers(t, elliptic.P256())
	okp := fmt.Sprintf(`"kty":"OKP","x":%q`, text64(ed))
	hmac := jwt.SigningMethodHS256
	for name, tt := range map[string]struct {
		members string
		good    jwt.SigningMethod // nil: the key is left out
		bad     jwt.SigningMethod
	}{
		"RSA":                           {rsa2048, jwt.SigningMethodPS384, jwt.SigningMethodES256},
		"RSA of 2047 bits":              {rsaMembers(2047), nil, nil},
		"RSA without a modulus":         {`"kty":"RSA","e":"AQAB"`, nil, nil},
		"RSA with exponent 1":           {strings.Replace(rsa2048, "AQAB", "AQ", 1), nil, nil},
		"RSA with a huge exponent":      {strings.Replace(rsa2048, "AQAB", "AQAAAAAB", 1), nil, nil},
		"RSA of 8192 bits":              {rsaMembers(8192), jwt.SigningMethodRS256, hmac},
		"RSA of 8193 bits":              {rsaMembers(8193), nil, nil},
		"RSA with an exponent of 25":    {strings.Replace(rsa2048, "AQAB", "AQAAAQ", 1), nil, nil},
		"RSA, private":                  {rsa2048 + `,"d":"AQAB","p":"AQAB"`, jwt.SigningMethodRS256, hmac},
		"RSA with padding":              {strings.Replace(rsa2048, `","e`, `==","e`, 1), jwt.SigningMethodRS256, hmac},
		"RSA that is not base64url":     {strings.Replace(rsa2048, "AQAB", "A*AB", 1), nil, nil},
		"P-256":                         {p256, jwt.SigningMethodES256, jwt.SigningMethodES384},
		"P-384":                         {ecMembers(t, elliptic.P384()), jwt.SigningMethodES384, jwt.SigningMethodES256},
		"P-521":                         {ecMembers(t, elliptic.P521()), jwt.SigningMethodES512, jwt.SigningMethodES256},
		"P-256, private":                {p256 + `,"d":"AQAB"`, jwt.SigningMethodES256, hmac},
		"a point beside the curve":      {`"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"`, nil, nil},
		"no point":                      {`"kty":"EC","crv":"P-256"`, nil, nil},
		"a point of another curve":      {strings.Replace(ecMembers(t, elliptic.P384()), "P-384", "P-256", 1), nil, nil},
		"a curve that we do not know":   {strings.Replace(p256, "P-256", "secp256k1", 1), nil, nil},
		"Ed25519":                       {okp + `,"crv":"Ed25519"`, jwt.SigningMethodEdDSA, jwt.SigningMethodRS256},
		"Ed25519, bound by its name":    {okp + `,"crv":"Ed25519","alg":"Ed25519"`, jwt.SigningMethodEdDSA, hmac},
		"Ed25519 that is too short":     {`"kty":"OKP","crv":"Ed25519","x":"AQAB"`, nil, nil},
		"X25519":                        {okp + `,"crv":"X25519"`, nil, nil},
		"a secret":                      {`"kty":"oct","k":"AQAB"`, nil, nil},
		"a kind that we do not know":    {`"kty":"AKP","pub":"AQAB"`, nil, nil},
		"for signatures":                {rsa2048 + `,"use":"sig"`, jwt.SigningMethodRS256, hmac},
		"for encryption":                {rsa2048 + `,"use":"enc"`, nil, nil},
		"to verify":                     {rsa2048 + `,"key_ops":["sign","verify"]`, jwt.SigningMethodRS256, hmac},
		"to sign alone":                 {rsa2048 + `,"key_ops":["sign"]`, nil, nil},
		"to do nothing that is said":    {rsa2048 + `,"key_ops":[]`, jwt.SigningMethodRS256, hmac},
		"use that is no text":           {rsa2048 + `,"use":7`, nil, nil},
		"bound to an algorithm":         {rsa2048 + `,"alg":"RS512"`, jwt.SigningMethodRS512, jwt.SigningMethodRS256},
		"bound to an encrypting one":    {rsa2048 + `,"alg":"RSA-OAEP"`, hmac, jwt.SigningMethodRS256},
		"with members that say nothing": {rsa2048 + `,"x5c":["AQAB"],"x5t":"AQAB","nbf":7}, {}, 7, {"kty":"new"`, jwt.SigningMethodRS256, hmac},
	} {
		set, err := parseKeySet([]byte(`{"keys":[{"kid":"k",` + tt.members + `}]}`))
		if tt.good == nil {
			if err == nil {
				t.Errorf("%s: got %v, want the key left out", name, set)
			}
			continue
		}
		if err != nil || len(set) != 1 {
			t.Errorf("%s: got %d keys, %v", name, len(set), err)
			continue
		}
		count := func(m jwt.SigningMethod, kid any) int {
			return len(set.find(&jwt.Token{Method: m, Header: map[string]any{"kid": kid}}))
		}
		if tt.good != hmac && (count(tt.good, "k") != 1 || count(tt.good, nil) != 1 || count(tt.good, "other") != 0 || count(tt.good, []any{"k"}) != 0) {
			t.Errorf("%s: not found for %s by its kid alone", name, tt.good.Alg())
		}
		if count(tt.bad, "k") != 0 {
			t.Errorf("%s: found for %s", name, tt.bad.Alg())
		}
	}
}

// TestFewKeysAreTriedForAToken holds that a token which as good as any key may have signed is
// refused unread: 100 keys of 4,096 bits are 22 ms for a forged one.
func TestFewKeysAreTriedForAToken(t *testing.T) {
	for n, want := range map[int]error{maxTried: errSignature, maxTried + 1: errManyKeys} {
		set, err := parseKeySet([]byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kid":"k",`+rsaMembers(2048)+`},`, n), ",") + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		v := &verifier{methods: keyAlgorithms(), keys: &Keys{set: set}}
		for _, header := range []string{`{"alg":"RS256"}`, `{"alg":"RS256","kid":"k"}`} {
			if _, _, err := v.verify(t.Context(), text64([]byte(header))+".e30."+text64(make([]byte, 256))); !errors.Is(err, want) {
				t.Errorf("%d keys, %s: %v, want %v", n, header, err, want)
			}
		}
	}
}

func TestKeySetIsBounded(t *testing.T) {
	key := `{` + rsaMembers(2048) + `},`
	for n, ok := range map[int]bool{maxKeys: true, maxKeys + 1: false} {
		set, err := parseKeySet([]byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(key, n), ",") + `]}`))
		if (err == nil) != ok || ok && len(set) != n {
			t.Errorf("%d keys: got %d, %v", n, len(set), err)
		}
	}
}
