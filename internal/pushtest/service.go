package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/webpush"
	"github.com/belfry/belfry/webpush/browser"
)

// Message is one that a service has taken, decrypted.
type Message struct {
	Browser *browser.Browser
	Payload []byte
	Topic   string
	Urgency string
	TTL     time.Duration
	Subject string // of the token
	At      time.Time
}

// Answer is what a service says to a request. Hang has it say nothing until the client
// goes away.
type Answer struct {
	Status     int
	RetryAfter string
	Hang       bool
}

// Service is a push service. Close it in the end, which also ends requests that hang.
type Service struct {
	URL string // http://127.0.0.1:port, which the sender must allow

	server *httptest.Server
	closed chan struct{}

	mu       sync.Mutex
	browsers map[string]*browser.Browser // by path
	messages []Message
	problems []string
	asked    int
	keep     bool
	answer   func(b *browser.Browser, n int) Answer
}

// NewService starts one that takes everything.
func NewService() *Service {
	s := &Service{closed: make(chan struct{}), browsers: map[string]*browser.Browser{}, keep: true}
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	return s
}

// Close stops it.
func (s *Service) Close() {
	close(s.closed)
	s.server.CloseClientConnections()
	s.server.Close()
}

// Subscribe returns a new browser.
func (s *Service) Subscribe() *browser.Browser {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := browser.New(s.URL + "/send/a-secret-of-browser-" + strconv.Itoa(len(s.browsers)))
	s.browsers[strings.TrimPrefix(b.Endpoint, s.URL)] = b
	return b
}

// Answers has answer judge each request from now on, by the browser that it is for and
// how many there were before; nil has each taken. It may be called by many at once.
func (s *Service) Answers(answer func(b *browser.Browser, n int) Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// CountOnly has it neither decrypt nor keep what it takes, for benchmarks.
func (s *Service) CountOnly() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = false
}

// Messages are those it has taken, in order.
func (s *Service) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Asked is how many requests there were, also those that it did not take.
func (s *Service) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Problems says what of the requests a real service would refuse.
func (s *Service) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s.mu.Lock()
	b, n, answer, keep := s.browsers[r.URL.Path], s.asked, s.answer, s.keep
	s.asked++
	s.mu.Unlock()
	switch {
	case err != nil:
		return
	case b == nil:
		w.WriteHeader(http.StatusNotFound)
		return
	case len(body) > 4096:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	said := Answer{Status: http.StatusCreated}
	if answer != nil {
		said = answer(b, n)
	}
	if said.Hang || said.Status/100 == 2 {
		s.take(b, r, body, keep)
	}
	if said.Hang {
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		return
	}
	if said.RetryAfter != "" {
		w.Header().Set("Retry-After", said.RetryAfter)
	}
	w.WriteHeader(said.Status)
}

func (s *Service) take(b *browser.Browser, r *http.Request, body []byte, keep bool) {
	if !keep {
		return
	}
	m := Message{Browser: b, Topic: r.Header.Get("Topic"), Urgency: r.Header.Get("Urgency"), At: time.Now()}
	err := func() (err error) {
		if m.Payload, err = b.Decrypt(body); err != nil {
			return err
		}
		ttl, err := strconv.Atoi(r.Header.Get("TTL"))
		m.TTL = time.Duration(ttl) * time.Second
		if err != nil || len(m.Topic) > 32 || r.Header.Get("Content-Encoding") != "aes128gcm" || r.Method != http.MethodPost || len(r.Header["Idempotency-Key"]) > 0 {
			return fmt.Errorf("headers of %s %v", r.Method, r.Header)
		}
		m.Subject, err = checkToken(r.Header.Get("Authorization"), s.URL)
		return err
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.problems = append(s.problems, err.Error())
	}
	s.messages = append(s.messages, m)
}

// checkToken returns the subject of a token for an audience, by RFC 8292.
func checkToken(header, audience string) (string, error) {
	pair, ok := strings.CutPrefix(header, "vapid t=")
	text, key, found := strings.Cut(pair, ", k=")
	if !ok || !found {
		return "", fmt.Errorf("authorization is %q", header)
	}
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return "", err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return "", err
	}
	claims := &jwt.RegisteredClaims{}
	if _, err = jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(audience), jwt.WithExpirationRequired()); err != nil {
		return "", err
	}
	if time.Until(claims.ExpiresAt.Time) > 24*time.Hour {
		return "", fmt.Errorf("the token holds until %s", claims.ExpiresAt)
	}
	_, err = url.Parse(claims.Subject)
	return claims.Subject, err
}

// Subscription is a browser's, as a sender knows it.
func Subscription(b *browser.Browser) *webpush.Subscription {
	s, err := webpush.NewSubscription(b.Endpoint, b.P256dh, b.Auth)
	if err != nil {
		panic(err) // the endpoint is none
	}
	return s
}
