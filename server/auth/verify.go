package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// Limits of a token, in its encoded form. One that is longer comes from no issuer that means
// clients to send it with each request.
const (
	maxTokenBytes  = 24 << 10
	maxHeaderBytes = 4 << 10
)

// Why a token is refused before its claims are read.
var (
	errMalformed = errors.New("the token is malformed")
	errAlgorithm = errors.New("the token's algorithm is not accepted")
	errCritical  = errors.New("the token has extensions that must be understood")
	errManyKeys  = errors.New("the token must name its key by a kid that few keys of the set have")
	errSignature = errors.New("the token's signature is wrong")
)

// verifier checks who signed a token. It is safe for concurrent use.
type verifier struct {
	methods []string // pinned, or a token could choose to be checked by nothing
	secret  []byte   // nil for none
	keys    *Keys    // nil for none
}

// joseHeader is what is read of a token's header (RFC 7515 section 4.1).
type joseHeader struct {
	Alg  string         `json:"alg"`
	Kid  *string        `json:"kid"`
	Crit jsontext.Value `json:"crit"`
}

// verify checks the signature of a token (RFC 7515 section 5.2), and returns the token
// without its claims and whose key it is, nil for the secret. Of what somebody wrote who can
// sign nothing, no more is read than a short header: libraries decode all of a token first,
// which is milliseconds of work for whoever sends one.
func (v *verifier) verify(ctx context.Context, raw string) (t *jwt.Token, by *signer, err error) {
	if len(raw) > maxTokenBytes || strings.Count(raw, ".") != 2 {
		return nil, nil, errMalformed
	}
	end := strings.LastIndexByte(raw, '.')
	h, err := readHeader(raw[:strings.IndexByte(raw, '.')])
	if err != nil {
		return nil, nil, err
	}
	t = &jwt.Token{Raw: raw, Header: map[string]any{"alg": h.Alg}, Method: jwt.GetSigningMethod(h.Alg)}
	if h.Kid != nil {
		t.Header["kid"] = *h.Kid
	}
	if t.Signature, err = base64.RawURLEncoding.DecodeString(raw[end+1:]); err != nil {
		return t, nil, errMalformed
	}
	if !slices.Contains(v.methods, h.Alg) {
		return t, nil, errAlgorithm
	}
	if h.Crit != nil { // section 4.1.11; we know none
		return t, nil, errCritical
	}
	if _, ok := t.Method.(*jwt.SigningMethodHMAC); ok {
		if t.Method.Verify(raw[:end], t.Signature, v.secret) != nil {
			return t, nil, errSignature
		}
		return t, nil, nil
	}
	found, err := v.keys.find(ctx, t)
	if err != nil {
		return t, nil, err
	}
	if len(found) > maxTried {
		return t, nil, errManyKeys
	}
	for _, k := range found {
		if t.Method.Verify(raw[:end], t.Signature, k.key) == nil {
			return t, k.by, nil
		}
	}
	return t, nil, errSignature
}

// readHeader reads the header of a token, in which no parameter may stand twice (section 4).
func readHeader(encoded string) (h joseHeader, err error) {
	if len(encoded) > maxHeaderBytes {
		return h, errMalformed
	}
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(data, &h) != nil {
		return h, errMalformed
	}
	return h, nil
}

// readClaims reads the claims of a token whose signature is good, and returns what rules
// finds wrong with them. A claim is taken by its exact name alone and refused where it stands twice (RFC
// 7519 section 4): encoding/json would take "SUB" for "sub", and the last of several, where
// whoever issued the token may have checked another.
func readClaims(t *jwt.Token, into jwt.Claims, rules *jwt.Validator) error {
	encoded := t.Raw[strings.IndexByte(t.Raw, '.')+1 : strings.LastIndexByte(t.Raw, '.')]
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(data, into) != nil {
		return errMalformed
	}
	return rules.Validate(into)
}
