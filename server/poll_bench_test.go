package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
)

// bareHandler verifies the same token with the same library and answers 304.
func bareHandler() http.Handler {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return []byte(testSecret), nil }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/users/{user}/unread", func(w http.ResponseWriter, r *http.Request) {
		var c jwt.RegisteredClaims
		_, err := parser.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &c, key)
		switch {
		case err != nil:
			w.WriteHeader(http.StatusUnauthorized)
		case c.Subject != r.PathValue("user"):
			w.WriteHeader(http.StatusForbidden)
		default:
			w.Header().Set("ETag", r.Header.Get("If-None-Match"))
			w.WriteHeader(http.StatusNotModified)
		}
	})
	return mux
}

// benchAPI is an API whose clients may poll as fast as they can.
func benchAPI(b *testing.B) *api {
	return newAPI(b, withJWT(b), func(c *Config) { c.PollInterval = 1 })
}

// pollers are the handlers side by side: with the memory of tokens, without, and
// the bare one.
func pollers(b *testing.B) []struct {
	name    string
	handler http.Handler
} {
	a := benchAPI(b)
	a.notify("user-7", "x", "y")
	return []struct {
		name    string
		handler http.Handler
	}{{"belfry", a.Handler()}, {"belfry-verify", forgetful(b, a)}, {"bare", bareHandler()}}
}

// forgetful is the server of a without the memory of tokens.
func forgetful(b *testing.B, a *api) http.Handler {
	config := a.config
	config.Registry, config.TokenTrust = prometheus.NewRegistry(), -1
	s, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	return s.Handler()
}

// BenchmarkPoll304 is a poll that finds nothing new, without a network.
func BenchmarkPoll304(b *testing.B) {
	token := mint(b, "user-7")
	for _, p := range pollers(b) {
		b.Run(p.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/v1/users/user-7/unread", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("If-None-Match", `"7.2.0"`)
			b.ReportAllocs()
			for b.Loop() {
				w := nothing{header: http.Header{}}
				if p.handler.ServeHTTP(&w, r); w.status != http.StatusNotModified {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// nothing takes an answer and keeps its status.
type nothing struct {
	header http.Header
	status int
}

func (w *nothing) Header() http.Header         { return w.header }
func (w *nothing) Write(p []byte) (int, error) { return len(p), nil }
func (w *nothing) WriteHeader(status int)      { w.status = status }

// BenchmarkPoll304Network is the same over connections that are kept.
func BenchmarkPoll304Network(b *testing.B) {
	token := mint(b, "user-7")
	request := fmt.Sprintf("GET /v1/users/user-7/unread HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nIf-None-Match: \"7.2.0\"\r\n\r\n", token)
	for _, p := range pollers(b) {
		b.Run(p.name, func(b *testing.B) {
			server := httptest.NewServer(p.handler)
			b.Cleanup(server.Close)
			at, err := url.Parse(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", at.Host)
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				in := bufio.NewReader(conn)
				for pb.Next() {
					if err := exchangePoll(conn, in, request); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func exchangePoll(conn net.Conn, in *bufio.Reader, request string) error {
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !strings.HasPrefix(string(line), "HTTP/1.1 304"):
			return fmt.Errorf("got %q", line)
		case len(line) == 2:
			return nil
		}
	}
}

// BenchmarkBatch100 is the badges of 100 users at once, with full inboxes.
func BenchmarkBatch100(b *testing.B) {
	a := benchAPI(b)
	query := url.Values{}
	for i := range maxBatch {
		user := fmt.Sprint("user-", i)
		query.Add("user", user)
		for range inbox.DefaultCap {
			a.notify(user, "x")
		}
	}
	r := httptest.NewRequest("GET", "/v1/unread?"+query.Encode(), nil)
	r.Header.Set("Authorization", "Bearer "+mint(b, "service", auth.ScopeNotify))
	b.ReportAllocs()
	for b.Loop() {
		w := nothing{header: http.Header{}}
		if a.Handler().ServeHTTP(&w, r); w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}
