package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// fuzzCall sends one request and holds what is true of every answer: a client's
// input is never our fault, and an error is a problem.
func fuzzCall(t *testing.T, a *api, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(once{w, cancel}, r.WithContext(ctx))
	if w.Code >= 500 {
		t.Errorf("%s %s: got %d: %s", r.Method, r.URL, w.Code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); w.Code >= 400 && got != "application/problem+json" {
		t.Errorf("%s %s: got %d as %q, want a problem", r.Method, r.URL, w.Code, got)
	}
	return w
}

// once is a client that leaves when it has been told something: streams would
// go on.
type once struct {
	*httptest.ResponseRecorder
	leave func()
}

// Flush implements [http.Flusher].
func (o once) Flush() {
	o.ResponseRecorder.Flush()
	o.leave()
}

// FuzzBodies sends bodies of any kind to every call that takes one. What is not
// accepted has written nothing.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"recipient":"user-7","title":"x"}`, `[{"recipient":"a","title":{"en":"x","ko":"글"}}]`, `{"recipients":["a","b"],"title":"x","data":{"a":[1]}}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a","data":{"title":"x"}}`, `{"seqs":[1,2]}`, `{"up_to":18446744073709551615,"category":"c"}`,
		`{"recipient":"a","id":"x"}`, `{"recipient":"a","collapse_key":"k"}`, ``, `null`, `[]`, `{`, `"x"`, `{"seqs":[1e400]}`, `{"title":"\ud800","recipient":"a"}`,
	} {
		f.Add(body, "application/json", "")
		f.Add(body, "application/cloudevents+json", "key")
		f.Add(body, "application/cloudevents-batch+json", "")
	}
	f.Fuzz(func(t *testing.T, body, mediaType, key string) {
		a := newAPI(t)
		for _, path := range []string{"/v1/notifications", "/v1/retractions", "/v1/users/a/inbox/read", "/v1/users/a/inbox/unarchive"} {
			before := a.fake.Offset
			r := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
			r.Header.Set("Content-Type", mediaType)
			r.Header.Set(idempotencyKey, key)
			w := fuzzCall(t, a, r)
			if ok := w.Code == http.StatusOK || w.Code == http.StatusAccepted; ok != (a.fake.Offset > before) {
				t.Errorf("%s: got %d with %d records written", path, w.Code, a.fake.Offset-before)
			}
		}
	})
}

// FuzzQueries sends queries of any kind to every call that reads one.
func FuzzQueries(f *testing.F) {
	for _, query := range []string{
		"", "limit=20&before=7&status=all&category=x", "min_version=0", "user=a&user=b", "user=%2F", "limit=-1", "limit=1e3",
		"before=99999999999999999999", "%zz", "a;b", "status=%00", "last_event_id=7.1", "ticket=x&ticket=y", "&&&===", "min_version=00",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		a := newAPI(t)
		a.notify("a", "one", "two")
		for _, path := range []string{"/v1/users/a/unread", "/v1/users/a/inbox", "/v1/users/a/export", "/v1/unread", "/v1/users/a/stream"} {
			r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
			r.URL.RawQuery = query
			// A version of the future is waited for, here by nobody.
			if w := httptest.NewRecorder(); strings.Contains(query, "min_version") && !strings.HasSuffix(path, "/stream") {
				ctx, cancel := context.WithCancel(r.Context())
				cancel()
				a.Handler().ServeHTTP(w, r.WithContext(ctx))
				if w.Code == http.StatusServiceUnavailable {
					continue
				}
			}
			fuzzCall(t, a, r)
		}
	})
}

// FuzzLastEventID opens streams with cursors of any kind: each is a stream.
func FuzzLastEventID(f *testing.F) {
	for _, id := range []string{"", "7.1", "7.2", "0.0", "1.1", "7.99", "7", ".", "7.-1", "07.1", "7.1 ", "99999999999.1", "\x00", "7.1\n", "７.１"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		a := newAPI(t)
		a.notify("a", "one", "two")
		for _, r := range []*http.Request{
			httptest.NewRequest(http.MethodGet, "http://localhost/v1/users/a/stream", nil),
			httptest.NewRequest(http.MethodGet, "http://localhost/v1/users/a/stream?last_event_id="+url.QueryEscape(id), nil),
		} {
			if r.URL.RawQuery == "" {
				r.Header.Set("Last-Event-ID", id)
			}
			w := fuzzCall(t, a, r)
			if body := w.Body.String(); w.Code != http.StatusOK || !strings.HasPrefix(body, "retry: ") || !strings.HasSuffix(body, "\n\n") {
				t.Errorf("%q: got %d %q, want a stream of whole frames", id, w.Code, body)
			}
		}
	})
}

// FuzzTokens tries headers of any kind on a server that takes a secret: but for
// the good one all are refused, and none is repeated.
func FuzzTokens(f *testing.F) {
	good := "Bearer " + mint(f, "a")
	// Made once, so that what the fuzzer keeps means the same again.
	for _, header := range []string{
		good, "bearer " + good[7:], good + ".", good[:len(good)-1], "Bearer", "Bearer ..", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
		"Bearer eyJhbGciOiJIUzI1NiJ9.e30.", "Basic YTpi", "Bearer \x00", "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.AAAA",
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		a := newAPI(t, withJWT(t))
		r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/users/nobody/unread", nil)
		r.Header.Set("Authorization", header)
		w := fuzzCall(t, a, r)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
			t.Errorf("%q: got %d, want it refused", header, w.Code)
		}
		if _, token, _ := strings.Cut(header, " "); len(token) > 8 && strings.Contains(w.Body.String(), token) {
			t.Errorf("the answer repeats the token: %s", w.Body)
		}
	})
}
