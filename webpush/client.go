package webpush

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belfry/belfry"
)

// Bounds of what a service answers, and of connections.
const (
	dialTimeout    = 10 * time.Second
	idleTimeout    = 90 * time.Second
	maxAnswer      = 4 << 10
	maxHeaders     = 16 << 10
	answerPatience = time.Second // for the rest of an answer whose status is known
	maxRetryAfter  = 24 * time.Hour
	connsPerHost   = 64
)

// Urgency says which devices a message should wake (RFC 8030, section 5.3).
type Urgency string

// The urgencies, from the one that waits until a device is charging.
const (
	UrgencyVeryLow Urgency = "very-low"
	UrgencyLow     Urgency = "low"
	UrgencyNormal  Urgency = "normal"
	UrgencyHigh    Urgency = "high"
)

// Message is what is pushed. Payload is encrypted; a service sees the rest.
type Message struct {
	Payload []byte
	// TTL is how long the service keeps it for a device that is off.
	TTL time.Duration
	// Topic, of at most 32 characters of base64url, has the message take the place of
	// one that the service still holds; "" takes none.
	Topic   string
	Urgency Urgency
}

// Answer is what a service said, or that it said nothing.
type Answer struct {
	Status int // of HTTP; 0: all of the message went out, and no answer came
	// RetryAfter is how long the service wants to be left alone; 0: it said nothing of it.
	RetryAfter time.Duration
}

// Config is what a [Client] needs. Keys, Subject and Hosts are required.
type Config struct {
	Keys    *Keys
	Subject string // see [CheckSubject]
	Hosts   *Hosts

	// Resolver and TLS are for tests; nil: those of the system.
	Resolver *net.Resolver
	TLS      *tls.Config
	// Now is the clock of tokens; nil: time.Now.
	Now func() time.Time

	judge func(netip.Addr) error // nil: checkPublic
}

// Client pushes messages. It reaches allowed hosts at public addresses alone, whatever
// an endpoint says and however its name resolves, follows no redirect and reads no more
// of an answer than its head. It is safe for concurrent use.
type Client struct {
	hosts  *Hosts
	tokens *tokens
	http   *http.Client
}

// NewClient returns a client; the caller calls Close in the end.
func NewClient(cfg Config) (*Client, error) {
	if err := CheckSubject(cfg.Subject); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.judge == nil {
		cfg.judge = checkPublic
	}
	c := &Client{hosts: cfg.Hosts, tokens: &tokens{keys: cfg.Keys, subject: cfg.Subject, now: cfg.Now}}
	c.http = &http.Client{
		Transport: &http.Transport{
			// No proxy: it would resolve names in our place.
			DialContext:     c.dialer(cfg.Resolver, cfg.judge),
			TLSClientConfig: cfg.TLS, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxHeaders, MaxConnsPerHost: connsPerHost, MaxIdleConnsPerHost: connsPerHost,
			MaxIdleConns: 4 * connsPerHost, IdleConnTimeout: idleTimeout, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// dialer returns a function that connects to public addresses alone. The address that is
// judged is the one that the socket connects to: a name is not resolved again after it.
func (c *Client) dialer(resolver *net.Resolver, judge func(netip.Addr) error) func(context.Context, string, string) (net.Conn, error) {
	public := &net.Dialer{Timeout: dialTimeout, Resolver: resolver, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return judge(at.Addr())
	}}
	local := &net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if c.hosts.find(&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}) != nil {
			return local.DialContext(ctx, network, address) // a loopback address that is allowed by name
		}
		return public.DialContext(ctx, network, address)
	}
}

// Close closes idle connections. There must be no Push during or after it.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Push encrypts and sends a message to a subscription and returns the answer, whatever
// its status. An error says that the message did not go out whole: it matches
// [ErrForbidden] for an endpoint that is not sent to and belfry.ErrTooLarge for a
// payload that is too large; it never holds the endpoint. ctx bounds all of it; ended
// after the message went out, it yields the Answer of status 0.
func (c *Client) Push(ctx context.Context, to *Subscription, m Message) (Answer, error) {
	if err := c.hosts.Check(to); err != nil {
		return Answer{}, err
	}
	body, err := Encrypt(m.Payload, to)
	if err != nil {
		return Answer{}, err
	}
	return c.send(ctx, to, m, body)
}

func (c *Client) send(ctx context.Context, to *Subscription, m Message, body []byte) (Answer, error) {
	authorization, err := c.tokens.header(to.Origin())
	if err != nil {
		return Answer{}, err
	}
	var out atomic.Bool // all of the request was written
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { out.Store(false) }, // another try of the transport
		WroteRequest: func(info httptrace.WroteRequestInfo) { out.Store(info.Err == nil) },
	})
	ctx, end := context.WithCancel(ctx)
	defer end()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Endpoint, bytes.NewReader(body))
	if err != nil {
		return Answer{}, belfry.Invalid("endpoint", "cannot be requested")
	}
	req.Header = http.Header{
		"Authorization":    {authorization},
		"Content-Encoding": {"aes128gcm"},
		"Content-Type":     {"application/octet-stream"},
		"Ttl":              {strconv.FormatInt(max(int64(m.TTL/time.Second), 0), 10)},
		// Not sent, but has the transport try again when a connection that it kept turns
		// out to be closed: at worst a message takes its own place.
		"Idempotency-Key": nil,
	}
	if m.Urgency != "" {
		req.Header.Set("Urgency", string(m.Urgency))
	}
	if m.Topic != "" {
		req.Header.Set("Topic", m.Topic)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if out.Load() {
			return Answer{}, nil
		}
		return Answer{}, fmt.Errorf("push to %s: %w", to.Origin(), withoutEndpoint(err, to.url))
	}
	stop := time.AfterFunc(answerPatience, end)
	defer stop.Stop()
	// The little that is left is read, so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	_ = res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden {
		c.tokens.forget(to.Origin())
	}
	return Answer{res.StatusCode, retryAfter(res.Header.Get("Retry-After"), c.tokens.now())}, nil
}

// withoutEndpoint takes the endpoint out of an error of net/http: it is a secret. The answer of a
// service may quote it.
func withoutEndpoint(err error, endpoint *url.URL) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if path := endpoint.EscapedPath(); len(path) > 1 && strings.Contains(err.Error(), path) {
		return errAnswer
	}
	return err
}

var errAnswer = errors.New("the answer is no HTTP")

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3), a day at the most; 0
// for what is neither or is past.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
