package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/opstest"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

// The user of the path and the contents of bodies, which logs and metrics must
// not hold.
const (
	markedUser = "marked-user"
	markedText = "marked-text"
)

// TestSecretsStayInside calls every route in every way that fails and some that
// don't, and looks for tokens, tickets, users and contents in the log, in the
// metrics, and for tokens and tickets in the answers.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	r := run(t, time.Second, withJWT(t), func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.MetricsOnAPI = true
		c.LagMetrics = http.NotFoundHandler()
		installation := opstest.New()
		installation.RefoldErr = fmt.Errorf("journal cut short: %w", belfry.ErrCorrupt)
		withOps(installation)(c)
		c.Pages = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a page") })
		c.Limits.Append = 5 * time.Millisecond
	})
	all := []string{auth.ScopeNotify, auth.ScopeAdmin, auth.ScopeOps}
	token := mint(t, markedUser, all...)
	foreign, err := auth.Token{Subject: markedUser, Scopes: all, TTL: time.Hour}.Sign([]byte(strings.ToUpper(testSecret)))
	if err != nil {
		t.Fatal(err)
	}
	ticket := r.askTicket(markedUser, token)
	spent := r.askTicket(markedUser, token)
	secrets := []string{testSecret, "Bearer ey"}
	for _, word := range []string{token, foreign, ticket, spent} {
		parts := strings.Split(word, ".")
		secrets = append(secrets, parts[1], parts[2])
	}

	failing := func(err error) {
		r.fake.Mu.Lock()
		defer r.fake.Mu.Unlock()
		r.fake.AppendErr = err
	}
	for _, broken := range []error{nil, errors.New("the broker is away")} {
		failing(broken)
		t.Run(fmt.Sprint(broken), func(t *testing.T) {
			for i, c := range everyCall(t, r.Server) {
				t.Run(c.method+" "+c.path, func(t *testing.T) {
					t.Parallel()
					// One address would be slowed down for what is refused to it.
					from := transportFrom(t, fmt.Sprint("127.0.1.", i+1))
					for _, auth := range []string{"", "Bearer " + token, "Bearer " + foreign, "Bearer " + token + "x", "Basic " + token, token} {
						for _, query := range []string{"", "?ticket=" + ticket, "?ticket=" + spent, "?ticket=" + foreign, "?ticket=" + token + "&limit=" + token[:60] + "&min_version=%zz"} {
							for _, body := range []string{c.body, `{"title":"` + markedText + `","recipient":7}`, `{"seqs":"` + markedText + `"}`, markedText} {
								answer := exchangeBriefly(t, from, r.url+c.path+query, c.method, auth, body)
								checkAnswer(t, c, answer, secrets)
								if c.method == http.MethodGet {
									break // without a body
								}
							}
						}
					}
				})
			}
		})
	}
	failing(nil)
	metrics := r.get("/metrics", "Authorization", "Bearer "+token).Want(200).Body.String()
	for name, text := range map[string]string{"log": log.String(), "metrics": metrics} {
		for _, secret := range append(secrets, markedUser, markedText, "ticket=") {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("the %s has %.12q…: %.300s", name, secret, text[max(0, i-150):])
			}
		}
	}
	for _, want := range []string{"request failed", "panic in a handler", "journal cut short", "the broker is away"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: not all went wrong that was to", want)
		}
	}
	if !strings.Contains(metrics, `code="401"`) || !strings.Contains(metrics, "belfry_connections") {
		t.Errorf("the metrics lack what happened: %.500s", metrics)
	}
}

type routeCall struct{ method, path, body string }

// everyCall is one call of each route.
func everyCall(t *testing.T, s *Server) []routeCall {
	t.Helper()
	m := mux.NewRouter()
	s.routes(m)
	var calls []routeCall
	err := m.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			path = "/" // the pages
		}
		path = strings.NewReplacer("{user}", markedUser, "{action}", "read").Replace(routeName(path))
		methods, err := route.GetMethods()
		for _, method := range methods {
			body := map[string]string{
				"/v1/notifications":                         fmt.Sprintf(`{"recipient":%q,"title":%q,"data":{"x":%q}}`, markedUser, markedText, markedText),
				"/v1/retractions":                           fmt.Sprintf(`{"recipient":%q,"id":%q}`, markedUser, markedText),
				"/v1/users/" + markedUser + "/inbox/read":   `{"seqs":[1]}`,
				"/v1/users/" + markedUser + "/inbox/delete": `{"seqs":[1]}`,
			}[path]
			if method != http.MethodHead {
				calls = append(calls, routeCall{method, path, body})
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(calls, func(c routeCall) bool { return strings.HasSuffix(c.path, "/stream") }) || len(calls) < 12 {
		t.Fatalf("got %d calls, want all routes", len(calls))
	}
	return append(calls, routeCall{"GET", "/v1/" + markedUser, ""}, routeCall{"BREW", "/v1/unread", ""})
}

// transportFrom returns a client of one of this machine's addresses, until the test ends.
func transportFrom(t *testing.T, address string) http.RoundTripper {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: d.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// exchangeBriefly returns the answer with its headers, of a stream the start.
func exchangeBriefly(t *testing.T, from http.RoundTripper, url, method, auth, body string) (answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	res, err := from.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answered := io.Reader(res.Body)
	if res.Header.Get("Content-Type") == "text/event-stream" {
		answered = io.LimitReader(answered, 24) // the rest may take a while
	}
	text, err := io.ReadAll(answered)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintln(res.StatusCode, res.Header, string(text))
}

// checkAnswer looks for secrets in an answer.
func checkAnswer(t *testing.T, c routeCall, answer string, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(answer, secret) {
			t.Errorf("%s %s: the answer has %.12q…: %.400s", c.method, c.path, secret, answer)
		}
	}
}
