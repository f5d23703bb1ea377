package plain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench"
)

// Plain is the peer of the server: a badge poll and a stream as one writes them
// with net/http, and writes them well. The poll verifies the token with the
// library that Belfry uses and answers 304 to whatever the client has; it looks
// nothing up. The stream follows the same table as Belfry's, keeps each user's
// newest badge, and wakes the user's connections by a channel of one slot, so
// that it never blocks on a slow one either; each is a goroutine, as net/http has
// it. It sends badges alone: no items, no catch-up, no order between two tables.
type Plain struct {
	Kafka  kafka.Config
	Prefix belfry.Prefix
	// Secret verifies tokens of polls; without one they need none. Streams need
	// none.
	Secret []byte
	// ByHand verifies them without a library, as fast as can be.
	ByHand bool
	// CertFile and KeyFile are for TLS; both are empty without.
	CertFile, KeyFile string

	mu     sync.RWMutex
	newest map[string][]byte // frames, by user
	open   map[string]map[chan struct{}]struct{}
}

const (
	plainPing         = 20 * time.Second
	plainWriteTimeout = 10 * time.Second
)

// Serve serves on ln, which it closes, until ctx ends.
func (p *Plain) Serve(ctx context.Context, ln net.Listener) error {
	p.newest, p.open = map[string][]byte{}, map[string]map[chan struct{}]struct{}{}
	follower, err := bench.Follow(ctx, p.Kafka, p.Prefix.UnreadTable())
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer follower.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v1/users/{user}/unread", p.poll(p.verifier()))
	mux.HandleFunc("GET /v1/users/{user}/stream", p.stream)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	g, ctx := errgroup.WithContext(ctx)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, Protocols: &protocols}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	g.Go(func() error { return follower.Run(ctx, p.change) })
	g.Go(func() error {
		serve := func() error { return srv.Serve(ln) }
		if p.CertFile != "" {
			serve = func() error { return srv.ServeTLS(ln, p.CertFile, p.KeyFile) }
		}
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
		}
		return nil
	})
	return g.Wait()
}

// change takes a row of the table and wakes who is to know.
func (p *Plain) change(r *kgo.Record, at time.Time) {
	badge, err := codec.DecodeBadge(r.Value, at)
	if err != nil {
		return // a tombstone; rows of ours decode
	}
	user := string(r.Key)
	data, err := json.Marshal(struct {
		User    string `json:"user"`
		Version uint64 `json:"version"`
		Cursor  string `json:"cursor"`
		inbox.Counts
	}{user, badge.Cursor.Version, badge.Cursor.String(), badge.Counts})
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest[user] = fmt.Appendf(nil, "id: %s\nevent: unread\ndata: %s\n\n", badge.Cursor, data)
	for dirty := range p.open[user] {
		select {
		case dirty <- struct{}{}:
		default: // it will read the newest
		}
	}
}

func (p *Plain) stream(w http.ResponseWriter, r *http.Request) {
	user, dirty := r.PathValue("user"), make(chan struct{}, 1)
	p.mu.Lock()
	if p.open[user] == nil {
		p.open[user] = map[chan struct{}]struct{}{}
	}
	p.open[user][dirty] = struct{}{}
	if p.newest[user] != nil {
		dirty <- struct{}{}
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if delete(p.open[user], dirty); len(p.open[user]) == 0 {
			delete(p.open, user)
		}
	}()
	h, control := w.Header(), http.NewResponseController(w)
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	send := func(frame []byte) bool {
		if control.SetWriteDeadline(time.Now().Add(plainWriteTimeout)) != nil {
			return false
		}
		if _, err := w.Write(frame); err != nil || control.Flush() != nil {
			return false
		}
		return control.SetWriteDeadline(time.Time{}) == nil
	}
	ping := time.NewTicker(plainPing)
	defer ping.Stop()
	for ok := send([]byte("retry: 3000\n\n")); ok; {
		select {
		case <-r.Context().Done():
			return
		case <-ping.C:
			ok = send([]byte("event: ping\ndata: {}\n\n"))
		case <-dirty:
			p.mu.RLock()
			newest := p.newest[user]
			p.mu.RUnlock()
			ok = send(newest)
		}
	}
}
