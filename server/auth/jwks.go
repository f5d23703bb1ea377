package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/server/wire"
)

const (
	// keysEvery is how often a key set is fetched without a reason.
	keysEvery = 10 * time.Minute
	// keysPause is the least time between a fetch and the next one that a token
	// with an unknown key asks for: anybody can make such tokens.
	keysPause = 10 * time.Second
	// keysRetry is when a failed fetch is tried again for the first time; the
	// pause doubles up to keysEvery.
	keysRetry = time.Second
	// keysTimeout bounds a fetch.
	keysTimeout = 10 * time.Second
	// keysWait is how long a request waits for one.
	keysWait = 5 * time.Second
	// maxKeysBytes bounds the document.
	maxKeysBytes = 512 << 10
)

var (
	ErrKeys     = errors.New("the keys that tokens are checked with cannot be fetched at the moment")
	errNoKey    = errors.New("no such key")
	errRedirect = errors.New("it redirects; name the final URL")
)

// KeysConfig says where a key set is. URL is required.
type KeysConfig struct {
	// URL is that of a JWK Set (RFC 7517 section 5): https, or http on a
	// loopback host. It is logged without its query.
	URL string
	// Transport fetches it; nil is one like [http.DefaultTransport].
	Transport http.RoundTripper
	// Logger takes what goes wrong; nil discards it.
	Logger *slog.Logger
}

// Keys is the set of public keys that an identity provider publishes, kept up to
// date by Run. Keys that were fetched once stay good while the provider cannot
// be reached, is slow or sends garbage, and go with the first good set that
// lacks them. It is safe for concurrent use.
type Keys struct {
	url    *url.URL
	client *http.Client
	log    *slog.Logger
	asked  chan struct{} // of capacity 1: a token has an unknown key

	mu      sync.Mutex
	set     keySet
	running bool          // a fetch is under way
	done    chan struct{} // closed at the end of the fetch that runs or comes next
	last    time.Time     // end of the last fetch, zero before
	err     error         // of the last fetch; errKeys before it
	gone    func()        // called after a key was withdrawn

	fetches *prometheus.CounterVec
	known   prometheus.Gauge
}

// NewKeys returns an empty set, which Run fills. A URL that is none or not safe
// is an error.
func NewKeys(config KeysConfig) (*Keys, error) {
	u, err := url.Parse(config.URL)
	switch {
	case err != nil || u.Host == "":
		// The cause would hold the URL, and that perhaps a password.
		return nil, errors.New("the URL of the key set must be an absolute one, such as https://id.example/jwks")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Host)):
		return nil, errors.New("the URL of the key set must be https, or http on a loopback host: else anybody on the way could name the keys")
	}
	if config.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true
		t.MaxResponseHeaderBytes = 64 << 10
		config.Transport = t
	}
	k := &Keys{
		url: u,
		client: &http.Client{
			Transport:     config.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
		},
		log:   cmp.Or(config.Logger, slog.New(slog.DiscardHandler)).With("component", "keys", "url", (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()),
		asked: make(chan struct{}, 1), done: make(chan struct{}), err: ErrKeys,
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_key_set_fetches_total",
			Help: "Attempts to fetch the keys that tokens are checked with, by result: ok or error.",
		}, []string{"result"}),
		known: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_key_set_keys",
			Help: "Keys that tokens are checked with.",
		}),
	}
	for _, result := range []string{"ok", "error"} {
		k.fetches.WithLabelValues(result)
	}
	return k, nil
}

// Metrics are what to register of them.
func (k *Keys) Metrics() []prometheus.Collector { return []prometheus.Collector{k.fetches, k.known} }

// Ready reports whether the set has been fetched, and what an operator may want
// to know of it: a server that cannot check a single token should get no requests.
func (k *Keys) Ready() (ready bool, detail string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.set == nil:
		return false, "not fetched yet"
	case k.err != nil:
		return true, "those of the last good fetch"
	}
	return true, ""
}

// Run fetches the set: at once, from time to time, and, within bounds, when a
// token names a key that is not in it. It must be called once and returns nil
// when ctx ends.
func (k *Keys) Run(ctx context.Context) error {
	due := time.NewTimer(0)
	defer due.Stop()
	retry := keysRetry
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-due.C:
		case <-k.asked:
			if !k.stale() {
				continue
			}
		}
		err := k.update(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			k.log.Warn("token keys not fetched, those known stay good", "again_within", retry, "err", err)
			due.Reset(wire.Jitter(retry/2, retry))
			retry = min(2*retry, keysEvery)
		default:
			due.Reset(wire.Jitter(keysEvery*9/10, keysEvery))
			retry = keysRetry
		}
	}
}

// update fetches and lets the requests know that wait for it.
func (k *Keys) update(ctx context.Context) error {
	k.mu.Lock()
	k.running = true
	k.mu.Unlock()
	set, err := k.fetch(ctx)
	withdrawn, gone := false, func() {}
	defer func() {
		if withdrawn {
			k.log.Info("a token key was withdrawn: its tokens are refused, and the streams that they opened end")
			gone()
		}
	}()
	k.mu.Lock()
	defer k.mu.Unlock()
	result := "ok"
	if err != nil {
		result = "error"
	} else {
		withdrawn = set.follow(k.set)
		k.set = set
		if k.gone != nil {
			gone = k.gone
		}
		k.known.Set(float64(len(set)))
	}
	k.fetches.WithLabelValues(result).Inc()
	k.running, k.last, k.err = false, time.Now(), err
	close(k.done)
	k.done = make(chan struct{})
	return err
}

func (k *Keys) fetch(ctx context.Context) (keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url.String(), nil)
	if err != nil {
		return nil, errors.New("the URL is malformed")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := k.client.Do(req)
	if err != nil {
		// Its text would begin with the whole URL.
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, fmt.Errorf("fetch key set: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch key set: status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeysBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read key set: %w", err)
	case len(body) > maxKeysBytes:
		return nil, fmt.Errorf("read key set: larger than %d bytes", maxKeysBytes)
	}
	return parseKeySet(body)
}

// stale reports whether the last fetch is long enough ago for another one that
// was not due.
func (k *Keys) stale() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Since(k.last) >= keysPause
}

// find returns the keys that may have signed t, or errNoKey. A key that is not
// in the set is looked for once more in a new one, for which all requests wait
// together; if that cannot be had, the error is errKeys.
func (k *Keys) find(ctx context.Context, t *jwt.Token) (keySet, error) {
	set := k.current()
	if found := set.find(t); found != nil {
		return found, nil
	}
	if set != nil && t.Header["kid"] == nil {
		return nil, errNoKey
	}
	if err := k.refresh(ctx); err != nil {
		return nil, ErrKeys
	}
	if found := k.current().find(t); found != nil {
		return found, nil
	}
	return nil, errNoKey
}

// onWithdrawn has f called after each fetch whose set lacks a key of the one before.
func (k *Keys) onWithdrawn(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = f
}

func (k *Keys) current() keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set
}

// refresh waits for a fetch and returns its error; of one that has just been,
// it returns the error at once.
func (k *Keys) refresh(ctx context.Context) error {
	k.mu.Lock()
	if !k.running && time.Since(k.last) < keysPause {
		defer k.mu.Unlock()
		return k.err
	}
	done := k.done
	k.mu.Unlock()
	select {
	case k.asked <- struct{}{}:
	default: // another one asks already
	}
	timeout := time.NewTimer(keysWait)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
		return ErrKeys
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}
