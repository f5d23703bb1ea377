package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// signText returns the token of that header and payload, written as given, signed
// with the secret of the tests.
func signText(header, payload string, secret []byte) string {
	text := text64([]byte(header)) + "." + text64([]byte(payload))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + text64(mac.Sum(nil))
}

// TestClaimsAreReadByTheirExactNames holds that a name in another case is another
// claim, and that none stands there twice: an issuer that lets its users add claims
// checks those that the RFC knows.
func TestClaimsAreReadByTheirExactNames(t *testing.T) {
	auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret), Audience: "belfry", Issuer: "id"})
	if err != nil {
		t.Fatal(err)
	}
	const header = `{"alg":"HS256"}`
	exp := fmt.Sprintf(`"exp":%d`, time.Now().Add(time.Hour).Unix())
	for name, tt := range map[string]struct {
		header, payload string
		subject         string // "": refused
	}{
		"plain":             {header, `{"sub":"attacker","aud":"belfry","iss":"id",` + exp + `}`, "attacker"},
		"SUB beside sub":    {header, `{"sub":"attacker","SUB":"victim","aud":"belfry","iss":"id",` + exp + `}`, "attacker"},
		"Kelvin sign":       {header, `{"sub":"attacker","\u017fub":"victim","aud":"belfry","iss":"id",` + exp + `}`, "attacker"},
		"SUB alone":         {header, `{"SUB":"victim","aud":"belfry","iss":"id",` + exp + `}`, ""},
		"sub twice":         {header, `{"sub":"attacker","sub":"victim","aud":"belfry","iss":"id",` + exp + `}`, ""},
		"sub twice, escape": {header, `{"sub":"attacker","s\u0075b":"victim","aud":"belfry","iss":"id",` + exp + `}`, ""},
		"AUD":               {header, `{"sub":"attacker","AUD":"belfry","iss":"id",` + exp + `}`, ""},
		"AUD over aud":      {header, `{"sub":"attacker","aud":"other","AUD":"belfry","iss":"id",` + exp + `}`, ""},
		"ISS":               {header, `{"sub":"attacker","aud":"belfry","ISS":"id",` + exp + `}`, ""},
		"EXP":               {header, `{"sub":"attacker","aud":"belfry","iss":"id","EXP":4000000000}`, ""},
		"EXP over exp":      {header, `{"sub":"attacker","aud":"belfry","iss":"id","exp":1,"EXP":4000000000}`, ""},
		"other twice":       {header, `{"sub":"attacker","aud":"belfry","iss":"id","x":1,"x":2,` + exp + `}`, ""},
		"alg twice":         {`{"alg":"none","alg":"HS256"}`, `{"sub":"attacker","aud":"belfry","iss":"id",` + exp + `}`, ""},
		"ALG":               {`{"ALG":"HS256"}`, `{"sub":"attacker","aud":"belfry","iss":"id",` + exp + `}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+signText(tt.header, tt.payload, []byte(testSecret)))
			id, err := auth.authenticate(r)
			switch {
			case tt.subject == "" && !errors.Is(err, ErrUnauthenticated):
				t.Errorf("got %q, %v; want %v", id.Subject, err, ErrUnauthenticated)
			case tt.subject == "" && IsExpired(err) != (name == "EXP over exp"):
				t.Errorf("expired: got %v", err)
			case tt.subject != "" && (err != nil || id.Subject != tt.subject):
				t.Errorf("got %q, %v; want %q", id.Subject, err, tt.subject)
			}
		})
	}
}

func TestScopesAreReadByTheirExactName(t *testing.T) {
	auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	for scope, want := range map[string]bool{
		`"scope":"belfry:admin"`:                    true,
		`"scope":["belfry:admin"]`:                  true,
		`"SCOPE":"belfry:admin"`:                    false,
		`"scope":"x","Scope":"belfry:admin"`:        false,
		`"scope":"x","\u017fcope":["belfry:admin"]`: false,
	} {
		payload := fmt.Sprintf(`{"sub":"u","exp":%d,%s}`, time.Now().Add(time.Hour).Unix(), scope)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+signText(`{"alg":"HS256"}`, payload, []byte(testSecret)))
		id, err := auth.authenticate(r)
		if err != nil || id.Has(ScopeAdmin) != want {
			t.Errorf("%s: admin %t, %v; want %t", scope, id.Has(ScopeAdmin), err, want)
		}
	}
}

// TestTwoTokensAreRefused holds that a request says who sends it once: a proxy
// may have checked the other one.
func TestTwoTokensAreRefused(t *testing.T) {
	auth, err := NewJWT(JWTConfig{Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := NewGuard(auth, nil, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := guard.Tickets.give("u", Identity{})
	if err != nil {
		t.Fatal(err)
	}
	for _, headers := range [][]string{{mint(t, "u"), mint(t, "v")}, {mint(t, "u"), ""}, {"", mint(t, "u")}} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		for _, h := range headers {
			r.Header.Add("Authorization", strings.TrimSpace("Bearer "+h))
		}
		if id, err := guard.Identify(r); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%q: got %q, %v", headers, id.Subject, err)
		}
		r.URL.RawQuery = "ticket=" + ticket
		if c, err := guard.AuthorizeStream(r, func(Identity) error { return nil }); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%q with a ticket: got %+v, %v", headers, c, err)
		}
	}
}

// TestTicketsAreReadByTheirExactNames holds the same for tickets.
func TestTicketsAreReadByTheirExactNames(t *testing.T) {
	tickets, err := newTickets([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	exp := fmt.Sprintf(`"iat":%d,"exp":%d`, time.Now().Unix(), time.Now().Add(TicketLife).Unix())
	for payload, want := range map[string]string{
		`{"jti":"1","sub":"u",` + exp + `}`:           "u",
		`{"jti":"1","sub":"u","SUB":"v",` + exp + `}`: "u",
		`{"jti":"1","sub":"u","sub":"v",` + exp + `}`: "",
		`{"JTI":"1","sub":"u",` + exp + `}`:           "",
		`{"jti":"1","jti":"2","sub":"u",` + exp + `}`: "",
	} {
		c, err := tickets.read(signText(`{"alg":"HS256"}`, payload, tickets.secret))
		if c.Subject != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", payload, c.Subject, err, want)
		}
	}
}

func TestKeysAreReadByTheirExactNames(t *testing.T) {
	good := rsaMembers(2048)
	for members, want := range map[string]bool{
		good:                              true,
		good + `,"USE":"enc"`:             true,
		good + `,"use":"sig","use":"enc"`: false,
		strings.Replace(good, `"kty"`, `"KTY"`, 1): false,
		strings.Replace(good, `"n"`, `"N"`, 1):     false,
	} {
		set, err := parseKeySet([]byte(`{"keys":[{` + members + `}]}`))
		if got := err == nil && len(set) == 1; got != want {
			t.Errorf("{%.60s…}: taken %t, want %t", members, got, want)
		}
	}
	for _, set := range []string{`{"KEYS":[{` + good + `}]}`, `{"keys":[],"keys":[{` + good + `}]}`} {
		if keys, err := parseKeySet([]byte(set)); err == nil {
			t.Errorf("%.30s…: taken, %d keys", set, len(keys))
		}
	}
}
