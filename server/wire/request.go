package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// MaxWait is how long a request waits for a table to show what its client
// already knows.
const MaxWait = 2 * time.Second

// ErrNotFound is returned for a path that there is not.
var ErrNotFound = errors.New("there is no such path")

// ErrMediaType is returned for a body that is not said to be JSON.
var ErrMediaType = errors.New("the body must be application/json or another +json type, without Content-Encoding")

// CheckMediaType returns ErrMediaType unless the body is said to be JSON:
// application/json or any type with the suffix +json (RFC 6839 section 3.1).
func CheckMediaType(r *http.Request) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return ErrMediaType
	}
	if t := MediaType(r); t != "application/json" && !strings.HasSuffix(t, "+json") {
		return ErrMediaType
	}
	return nil
}

// MediaType returns the content type without its parameters, in lower case, or
// "" for none and a malformed one.
func MediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// Hashed is how logs tell users apart: they name none.
func Hashed(user string) string {
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:8])
}

// ReadBody returns the body, if it is at most limit bytes. The client then has
// patience to read the answer.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, patience time.Duration) ([]byte, error) {
	if r.ContentLength > limit { // a client that asked (Expect: 100-continue) need not send it
		return nil, overLimit(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	// The answer's time begins when the request is there, or given up.
	AllowWrites(w, patience)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, overLimit(tooLarge.Limit)
	case err != nil:
		return nil, belfry.Invalid("", "the body ended early")
	}
	// The time of limitBodies is over once the body is there: passing later it
	// would end the request. With a part of it missing it stays, since net/http
	// reads on before it answers. Recorders of tests have no deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

func overLimit(limit int64) error {
	return &belfry.FieldError{TooLarge: true, Problem: fmt.Sprintf("the body must be at most %d bytes", limit)}
}

// AllowWrites gives a client d to read the answer. Not every writer has
// deadlines, recorders of tests for one.
func AllowWrites(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

// ParseQuery returns the query of r, in which a parameter stands once but for those that are
// lists. Unlike [url.URL.Query] it refuses a malformed one, of which a parameter could be
// lost.
func ParseQuery(r *http.Request, lists ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, belfry.Invalid("", "the query is malformed: names and values must be percent-encoded and joined by &")
	}
	for name, all := range values {
		if len(all) > 1 && !slices.Contains(lists, name) {
			return nil, belfry.Invalid(name, "must stand once in the query")
		}
	}
	return values, nil
}

// Number reads an optional parameter; 0 stands for one that is missing.
func Number(query url.Values, name string, low, high uint64) (uint64, error) {
	if !query.Has(name) {
		return 0, nil
	}
	n, ok := ParseWhole(query.Get(name))
	if !ok || n < low || n > high {
		return 0, belfry.Invalid(name, "must be a whole number from %d to %d, not %.40q", low, high, query.Get(name))
	}
	return n, nil
}

// ParseWhole reads a whole number without sign, fraction or exponent.
func ParseWhole(s string) (uint64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// CheckCategory refuses what no item can have, and an empty category, which
// could mean any or none. The error is a [*belfry.FieldError].
func CheckCategory(category string) error {
	if category == "" {
		return belfry.Invalid("category", "must not be empty: leave it out for items of any category")
	}
	if len(category) > belfry.MaxCategoryBytes {
		return belfry.Invalid("category", "must be at most %d bytes, has %d", belfry.MaxCategoryBytes, len(category))
	}
	return nil
}
