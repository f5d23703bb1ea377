package plain_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/bench/plain"
	"github.com/belfry/belfry/internal/kafkatest"
)

// servePlain starts a peer on a table of its own; put writes a row into that.
func servePlain(t *testing.T, p *plain.Plain) (url string, put func(user string, version uint64)) {
	t.Helper()
	const prefix = belfry.Prefix("test")
	cfg := kafkatest.Installation(t, prefix, 1)
	client, err := kgo.NewClient(append(cfg.ClientOptions("test"), kgo.DefaultProduceTopic(prefix.UnreadTable()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Kafka, p.Prefix = cfg, prefix
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- p.Serve(ctx, ln)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	url = "http://" + ln.Addr().String()
	await.Eventually(t, await.Patience, func() string { return "not ready" }, func() bool {
		response, err := http.Get(url + "/readyz")
		return err == nil && response.Body.Close() == nil
	})
	return url, func(user string, version uint64) {
		t.Helper()
		value, err := codec.EncodeState(&inbox.State{Epoch: 7, Version: version})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(user), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// The peer does its job, or what it is measured at says nothing.
func TestPlainStreams(t *testing.T) {
	url, put := servePlain(t, &plain.Plain{})
	open := func(user string) *bufio.Reader {
		t.Helper()
		response, err := http.Get(url + "/v1/users/" + user + "/stream")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("content type %q", got)
		}
		return bufio.NewReader(response.Body)
	}
	next := func(stream *bufio.Reader, want string) {
		t.Helper()
		for {
			line, err := stream.ReadString('\n')
			if err != nil {
				t.Fatalf("%v before %q", err, want)
			}
			if strings.Contains(line, want) {
				return
			}
			if strings.HasPrefix(line, "data: ") {
				t.Errorf("got %q before %q", line, want)
			}
		}
	}
	first := open("a")
	next(first, "retry: 3000")
	put("b", 1)
	put("a", 2)
	next(first, `data: {"user":"a","version":2,"cursor":"7.2","unread":0,`)
	late := open("a") // has the newest at once
	next(late, `"version":2,`)
	put("a", 3)
	next(first, `"version":3,`)
	next(late, `"version":3,`)
}

func TestPlainPolls(t *testing.T) {
	for name, byHand := range map[string]bool{"library": false, "by hand": true} {
		t.Run(name, func(t *testing.T) { testPlainPolls(t, byHand) })
	}
}

func testPlainPolls(t *testing.T, byHand bool) {
	const secret = "a secret that only this test knows, and long enough"
	url, _ := servePlain(t, &plain.Plain{Secret: []byte(secret), ByHand: byHand})
	sign := func(subject, secret string, ends time.Time) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{Subject: subject, ExpiresAt: jwt.NewNumericDate(ends)}).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	later := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		token, tag string
		want       int
	}{
		"first":         {sign("u", secret, later), "", 200},
		"unchanged":     {sign("u", secret, later), `"7.2.0"`, 304},
		"another's":     {sign("v", secret, later), `"7.2.0"`, 403},
		"another's key": {sign("u", secret+"x", later), `"7.2.0"`, 401},
		"ended":         {sign("u", secret, time.Now().Add(-time.Hour)), `"7.2.0"`, 401},
		"none":          {"", `"7.2.0"`, 401},
		"nonsense":      {"a.b", `"7.2.0"`, 401},
		"head alone":    {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", `"7.2.0"`, 401},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/users/u/unread", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+tt.token)
		if tt.tag != "" {
			request.Header.Set("If-None-Match", tt.tag)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
		response.Body.Close()
		if response.StatusCode != tt.want || tt.want < 400 && response.Header.Get("ETag") == "" {
			t.Errorf("%s: got %s, ETag %q; want %d", name, response.Status, response.Header.Get("ETag"), tt.want)
		}
	}
}
