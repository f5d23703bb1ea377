package auth

import (
	"errors"
	"log/slog"

	"github.com/golang-jwt/jwt/v5"
)

// refusal is an error of [Authenticator] with what its caller is not told: the
// reason, and which key the token named. It holds nothing else of the token.
type refusal struct {
	error
	reason, kid, alg string
}

func (r *refusal) Unwrap() error { return r.error }

// maxNamed bounds what the log quotes of a token's header, which anybody can write.
const maxNamed = 80

// refused returns told for a token, which may be nil, and for the log the reason.
func refused(told error, reason string, t *jwt.Token) error {
	r := &refusal{error: told, reason: reason}
	if t != nil {
		kid, _ := t.Header["kid"].(string)
		alg, _ := t.Header["alg"].(string)
		r.kid, r.alg = kid[:min(len(kid), maxNamed)], alg[:min(len(alg), maxNamed)]
	}
	return r
}

// tokenReason says what is wrong with a token that has nothing good about it.
func tokenReason(err error) string {
	switch {
	case errors.Is(err, ErrKeys):
		return "the key set cannot be fetched"
	case errors.Is(err, errNoKey):
		return "no key has its kid"
	case errors.Is(err, errCritical):
		return "it has extensions that must be understood"
	case errors.Is(err, errAlgorithm):
		return "its algorithm is not accepted"
	case errors.Is(err, errSignature):
		return "its signature is wrong"
	}
	return "it is malformed"
}

// logRefusal writes why a caller is refused.
func logRefusal(log *slog.Logger, err error) {
	var r *refusal
	reason := err.Error()
	if errors.As(err, &r) {
		reason = r.reason
	} else {
		r = &refusal{}
	}
	log.Debug("caller refused", "reason", reason, "kid", r.kid, "alg", r.alg)
}
