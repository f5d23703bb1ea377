package servertest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// Reply is an answer with its body.
type Reply struct {
	T testing.TB
	*httptest.ResponseRecorder
}

// Call sends a request to h as from this machine, without a network; a body is
// said to be JSON unless the headers, given as pairs, say otherwise.
func Call(ctx context.Context, t testing.TB, h http.Handler, method, path, body string, headers ...string) Reply {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return Reply{t, w}
}

// Want ends the test if the answer has another status.
func (r Reply) Want(status int) Reply {
	r.T.Helper()
	if r.Code != status {
		r.T.Fatalf("got status %d, want %d; body: %.500s", r.Code, status, r.Body)
	}
	return r
}

// WantHeader checks one header.
func (r Reply) WantHeader(name, want string) Reply {
	r.T.Helper()
	if got := r.Header().Get(name); got != want {
		r.T.Errorf("got %s %q, want %q", name, got, want)
	}
	return r
}

// WantProblem checks that the answer is a problem (RFC 9457) with that status and
// field, and says when to come again where that helps.
func (r Reply) WantProblem(status int, field string) Reply {
	r.T.Helper()
	r.Want(status).WantHeader("Content-Type", "application/problem+json")
	p := Into[struct {
		Type, Title, Field string
		Status             int
	}](r)
	if p.Field != field || p.Status != status || p.Title == "" || p.Type == "" {
		r.T.Errorf("got problem %+v, want field %q", p, field)
	}
	if later := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests; later != (r.Header().Get("Retry-After") != "") {
		r.T.Errorf("got Retry-After %q with status %d", r.Header().Get("Retry-After"), status)
	}
	return r
}

// Fields returns the names in a body that is an object, in order.
func (r Reply) Fields() string {
	r.T.Helper()
	return strings.Join(slices.Sorted(maps.Keys(Into[map[string]json.RawMessage](r))), " ")
}

// Into decodes the body of an answer.
func Into[T any](r Reply) T {
	r.T.Helper()
	var v T
	if err := json.Unmarshal(r.Body.Bytes(), &v); err != nil {
		r.T.Fatalf("decode %q: %v", r.Body, err)
	}
	return v
}
