package auth

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// claims is what we read of a token.
type claims struct {
	jwt.RegisteredClaims
	Scope scopes `json:"scope,omitempty"`
	// Scp is what Microsoft and Okta write. It counts where Scope is absent.
	Scp jsontext.Value `json:"scp,omitempty"`
	// Sources are what the bearer may name as the source of what it sends; nil: any.
	Sources *scopes `json:"belfry_sources,omitempty"`
}

// granted returns the token's scopes. A scope that is there and empty grants
// none, whatever scp says.
func (c *claims) granted() (scopes, error) {
	if c.Scope != nil || c.Scp == nil {
		return c.Scope, nil
	}
	var out scopes
	err := out.UnmarshalJSON(c.Scp)
	return out, err
}

// scopes is a list, in JSON also a text with spaces between.
type scopes []string

// MarshalJSON writes the text form, which is the standard one.
func (s scopes) MarshalJSON() ([]byte, error) { return json.Marshal(strings.Join(s, " ")) }

// UnmarshalJSON reads both forms.
func (s *scopes) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*s = nil
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		*s = strings.Fields(text)
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return errors.New("scope must be a text or a list of texts")
	}
	*s = list
	return nil
}
