package plain

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// poll answers polls of those that verify lets in.
func (p *Plain) poll(verify func(token string) (subject string, ok bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if verify != nil {
			subject, ok := verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			switch {
			case !ok:
				w.WriteHeader(http.StatusUnauthorized)
				return
			case subject != r.PathValue("user"):
				w.WriteHeader(http.StatusForbidden)
				return
			}
		}
		answerPoll(w, r)
	}
}

func answerPoll(w http.ResponseWriter, r *http.Request) {
	tag := r.Header.Get("If-None-Match")
	if tag == "" {
		w.Header().Set("ETag", `"0.0.0"`)
		return
	}
	w.Header().Set("ETag", tag)
	w.WriteHeader(http.StatusNotModified)
}

// verifier returns what checks an HS256 token, nil if none are asked for.
func (p *Plain) verifier() func(token string) (subject string, ok bool) {
	switch {
	case p.Secret == nil:
		return nil
	case p.ByHand:
		return p.verifyByHand
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return p.Secret, nil }
	return func(token string) (string, bool) {
		var c jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(token, &c, key)
		return c.Subject, err == nil
	}
}

// verifyByHand takes tokens with the header that ours have, and no other.
func (p *Plain) verifyByHand(token string) (subject string, ok bool) {
	const header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" // {"alg":"HS256","typ":"JWT"}
	at := strings.LastIndexByte(token, '.')
	if at < len(header) || token[:len(header)] != header || token[len(header)] != '.' {
		return "", false
	}
	mac := hmac.New(sha256.New, p.Secret)
	mac.Write([]byte(token[:at]))
	signature, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	if err != nil || !hmac.Equal(mac.Sum(nil), signature) {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(token[len(header)+1 : max(at, len(header)+1)])
	if err != nil {
		return "", false
	}
	var c struct {
		Subject string `json:"sub"`
		Ends    int64  `json:"exp"`
	}
	if json.Unmarshal(payload, &c) != nil || c.Ends == 0 || time.Now().Unix() >= c.Ends {
		return "", false
	}
	return c.Subject, true
}
