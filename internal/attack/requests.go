package attack

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// requestAttacks are those over HTTP/1.1.
func requestAttacks() []attack {
	return []attack{
		{name: "claims", what: "claims in other cases and twice", run: forgedClaims},
		{name: "languages", what: "lists with an Accept-Language of 31 KB", run: languages},
		{name: "lists", what: "one user asks for full lists as fast as he can", run: manyLists},
		{name: "descriptors", what: "1,500 idle connections of one address", run: idleConnections},
		{name: "bodies", what: "300 bodies that come a byte a second", run: slowBodies},
		{name: "streams", what: "one user opens streams that bring half of a full inbox, again and again", run: fullStreamsAgain},
		{name: "paths", what: "50 clients without a token ask for paths of 1 KB that there are not", run: longPaths},
		{name: "refusals", what: "50 clients with a forged token, each time over a new connection", run: refusedOverAndOver},
		{name: "health", what: "50 clients without a token ask for /healthz as fast as they can", run: askForHealth},
		{name: "content", what: "data of 9,000 levels, numbers of 5,000 digits", run: content},
	}
}

// fromElsewhere is a client at the attacker's address.
func fromElsewhere() *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attacker)}, Timeout: 5 * time.Second}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 100}}
}

// until has n goroutines do something again and again until ctx ends.
func until(ctx context.Context, n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				do()
			}
		})
	}
	all.Wait()
}

// statuses counts answers.
type statuses [600]atomic.Int64

func (s *statuses) String() string {
	var out []string
	for code := range s {
		if n := s[code].Load(); n > 0 {
			out = append(out, fmt.Sprintf("%d of %d", n, code))
		}
	}
	return strings.Join(out, ", ")
}

// send has n clients send requests without a pause, each of which next makes.
func send(ctx context.Context, n int, next func() (*http.Request, error)) (string, error) {
	return sendBy(ctx, fromElsewhere(), n, next)
}

// sendBy is send with the connections of a client, which are closed at the end.
func sendBy(ctx context.Context, client *http.Client, n int, next func() (*http.Request, error)) (string, error) {
	var got statuses
	defer client.CloseIdleConnections()
	until(ctx, n, func() {
		r, err := next()
		if err != nil {
			return
		}
		res, err := client.Do(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, res.Body) // however it ends
		res.Body.Close()
		got[res.StatusCode].Add(1)
	})
	return got.String(), nil
}

// ask has n clients of mallory ask for path.
func ask(ctx context.Context, t *target, n int, path string, header func(http.Header)) (string, error) {
	return send(ctx, n, func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+t.token(mallory))
		header(r.Header)
		return r, nil
	})
}

func languages(ctx context.Context, t *target) (string, error) {
	long := "xx" + strings.Repeat(",de;q=0.5,fr-CH;q=0.4", 1400)
	return ask(ctx, t, 10, "/v1/users/mallory/inbox?limit=100", func(h http.Header) { h.Set("Accept-Language", long) })
}

func manyLists(ctx context.Context, t *target) (string, error) {
	return ask(ctx, t, 50, "/v1/users/mallory/inbox?limit=100", func(http.Header) {})
}

func forgedClaims(ctx context.Context, t *target) (string, error) {
	exp := fmt.Sprintf(`,"exp":%d}`, time.Now().Add(time.Hour).Unix())
	in, tried := 0, 0
	client := fromElsewhere()
	defer client.CloseIdleConnections()
	for _, payload := range []string{
		`{"sub":"mallory","SUB":"honest-0"`, `{"SUB":"honest-0"`, `{"sub":"mallory","sub":"honest-0"`, `{"sub":"mallory","Scope":"belfry:admin"`,
		`{"sub":"mallory","scope":"","SCOPE":"belfry:admin"`, `{"sub":"mallory","scope":"","scope":"belfry:admin"`,
	} {
		text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload+exp))
		signature, err := jwt.SigningMethodHS256.Sign(text, t.secret)
		if err != nil {
			return "", err
		}
		// Every token is tried, however long that takes: a verdict on some of them is none.
		r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+t.addr+"/v1/users/honest-0/unread", nil)
		if err != nil {
			return "", err
		}
		r.Header.Set("Authorization", "Bearer "+text+"."+base64.RawURLEncoding.EncodeToString(signature))
		res, err := client.Do(r)
		if err != nil {
			return "", err
		}
		res.Body.Close()
		tried++
		if res.StatusCode == http.StatusOK {
			in++
		}
	}
	<-ctx.Done()
	return fmt.Sprintf("%d of %d tokens of mallory's read another's inbox", in, tried), nil
}

// dial connects from the attacker's address; nil if that is refused.
func dial(ctx context.Context, addr string) net.Conn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attacker)}, Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil
	}
	return conn
}

func idleConnections(ctx context.Context, t *target) (string, error) {
	open := 0
	for range 1500 {
		conn := dial(ctx, t.addr)
		if conn == nil {
			continue
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			continue
		}
		if n, err := conn.Read(make([]byte, 512)); err == nil && n > 0 {
			open++
		}
	}
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	alive := "answers"
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+t.metrics+"/healthz", nil)
	if err != nil {
		return "", err
	}
	if res, err := client.Do(r); err != nil {
		alive = "does NOT answer"
	} else {
		res.Body.Close()
	}
	<-ctx.Done()
	return fmt.Sprintf("%d connections taken, liveness %s", open, alive), nil
}

func slowBodies(ctx context.Context, t *target) (string, error) {
	open := 0
	for range 300 {
		conn := dial(ctx, t.addr)
		if conn == nil {
			continue
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, "POST /v1/users/mallory/inbox/read HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", t.token(mallory)); err == nil {
			open++
		}
	}
	<-ctx.Done()
	return fmt.Sprintf("%d open", open), nil
}

// fullStreamsAgain has a hundred clients open streams from before half of mallory's
// items came, and hang up once they have had 16 KB.
func fullStreamsAgain(ctx context.Context, t *target) (string, error) {
	client := fromElsewhere()
	defer client.CloseIdleConnections()
	get := func(path, since string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+t.token(mallory))
		if since != "" {
			r.Header.Set("Last-Event-ID", since)
		}
		return client.Do(r)
	}
	res, err := get("/v1/users/mallory/unread", "")
	if err != nil {
		return "", err
	}
	var badge struct {
		Version int
		Cursor  string
	}
	err = json.NewDecoder(res.Body).Decode(&badge)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	epoch, _, _ := strings.Cut(badge.Cursor, ".")
	since := fmt.Sprint(epoch, ".", badge.Version/2)
	var opened, read atomic.Int64
	until(ctx, 100, func() {
		res, err := get("/v1/users/mallory/stream", since)
		if err != nil {
			return
		}
		defer res.Body.Close()
		opened.Add(1)
		n, _ := io.CopyN(io.Discard, res.Body, 16<<10) // however it ends
		read.Add(n)
	})
	return fmt.Sprintf("%d streams, %d KB", opened.Load(), read.Load()>>10), nil
}

func longPaths(ctx context.Context, t *target) (string, error) {
	url := "http://" + t.addr + "/v1/users/" + strings.Repeat("a", 1000) + "/unread"
	return send(ctx, 50, func() (*http.Request, error) { return http.NewRequestWithContext(ctx, http.MethodPut, url, nil) })
}

// refusedOverAndOver tells how long those waited who came from the same address with a token
// of theirs, over new connections of HTTP/2.
func refusedOverAndOver(ctx context.Context, t *target) (string, error) {
	url := "http://" + t.addr + "/v1/users/mallory/unread"
	var waited delays
	var failed int
	var neighbour sync.WaitGroup
	neighbour.Go(func() {
		for pause := time.NewTicker(200 * time.Millisecond); ctx.Err() == nil; <-pause.C {
			client := fromElsewhere()
			client.Transport.(*http.Transport).Protocols = new(http.Protocols)
			client.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(true)
			began := time.Now()
			status, _, err := t.get(context.WithoutCancel(ctx), client, "/v1/users/mallory/unread", mallory)
			if client.CloseIdleConnections(); err != nil || status != http.StatusOK {
				failed++
			}
			waited = append(waited, time.Since(began))
		}
	})
	strangers := fromElsewhere()
	strangers.Transport.(*http.Transport).DisableKeepAlives = true
	got, err := sendBy(ctx, strangers, 50, func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err == nil {
			r.Header.Set("Authorization", "Bearer forged")
		}
		return r, err
	})
	neighbour.Wait()
	return fmt.Sprintf("%s; neighbours waited at most %s, %d of %d failed", got, waited.worst().Round(time.Millisecond), failed, len(waited)), err
}

func askForHealth(ctx context.Context, t *target) (string, error) {
	return send(ctx, 50, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+"/healthz", nil)
	})
}

func content(ctx context.Context, t *target) (string, error) {
	var got statuses
	for _, fields := range []string{
		`"data":{"a":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000) + `}`,
		`"data":{"a":` + strings.Repeat("9", 5000) + `}`, `"data":{"a":1e999999}`, `"recipient":"honest-0"`,
	} {
		status, err := t.post(ctx, []byte(`{"recipient":"victim","title":"x",`+fields+`}`))
		if err != nil {
			return "", err
		}
		got[status].Add(1)
	}
	<-ctx.Done()
	return got.String(), nil
}
