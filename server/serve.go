package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"

	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/listen"
	"github.com/belfry/belfry/server/stream"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10 // of a request's line and headers
	// A client on HTTP/2 that has vanished is noticed as one on HTTP/1.1 is; all
	// of its streams are on one connection.
	h2PingTimeout  = 15 * time.Second
	h2WriteTimeout = 30 * time.Second
	// h2Streams is how many requests, streams of events among them, one connection
	// may have at a time: RFC 9113 section 6.5.2 asks for no fewer.
	h2Streams = 100
)

// Serve answers on ln, over HTTP/1.1 and HTTP/2, with TLS if the Config has a
// certificate and without otherwise (h2c, RFC 9113 section 3.3), until ctx ends,
// and then drains: /readyz says so at once, and after the Config's DrainNotice
// no connection is accepted any more, streams say bye spread over the rest of grace
// so that their clients do not all come to the next server at once, and requests
// finish. It returns nil within grace; what has
// not finished by then is cut off. It closes ln. A Server that has drained cannot
// serve again.
//
// An Auth without tokens is refused unless ln is on a loopback address.
func (s *Server) Serve(ctx context.Context, ln net.Listener, grace time.Duration) error {
	if _, open := s.config.Auth.(auth.Admitter); open && !loopbackAddr(ln.Addr()) {
		return errors.Join(
			fmt.Errorf("serve on %s: without authentication only a loopback address such as 127.0.0.1 is allowed", ln.Addr()),
			ln.Close())
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.config.Certificate != nil)
	protocols.SetUnencryptedHTTP2(s.config.Certificate == nil)
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: h2Streams, SendPingTimeout: stream.PingEvery, PingTimeout: h2PingTimeout, WriteByteTimeout: h2WriteTimeout},
		ConnState:         s.connections.Track,
		ConnContext:       s.turns.Context,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if c := s.config.Certificate; c != nil {
		srv.TLSConfig = c.TLS()
	}
	if err := s.serveHTTP2(srv); err != nil {
		return errors.Join(fmt.Errorf("serve on %s: %w", ln.Addr(), err), ln.Close())
	}
	served := make(chan error, 1)
	go func() {
		ln := s.turns.Listener(listen.Patient{Listener: ln})
		if s.config.Certificate != nil {
			served <- srv.ServeTLS(ln, "", "")
			return
		}
		served <- srv.Serve(ln)
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.ops.Drain()
	// The values of ctx are still good, its end is why we are here.
	s.drain(context.WithoutCancel(ctx), srv, grace)
	<-served
	return nil
}

// serveHTTP2 has srv serve HTTP/2 by golang.org/x/net/http2 in place of net/http's copy of
// it, which does not say ENHANCE_YOUR_CALM to a client whose connection is ended for its waste.
//
//lint:file-ignore SA1019 golang.org/x/net/http2 is to go once net/http can be told that code.
func (s *Server) serveHTTP2(srv *http.Server) error {
	var h2 http2.Server
	if err := http2.ConfigureServer(srv, &h2); err != nil {
		return fmt.Errorf("configure HTTP/2: %w", err)
	}
	srv.TLSNextProto[http2.NextProtoTLS] = func(srv *http.Server, conn *tls.Conn, h http.Handler) {
		opts := &http2.ServeConnOpts{BaseConfig: srv, Handler: h}
		if of, ok := h.(interface{ BaseContext() context.Context }); ok {
			opts.Context = of.BaseContext()
		}
		h2.ServeConn(s.turns.Frames(conn), opts)
	}
	return nil
}

func (s *Server) drain(ctx context.Context, srv *http.Server, grace time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	// Until then all goes on as before, new connections and streams too: a
	// load balancer that sends them has not noticed yet, and would send them here again.
	notice := time.NewTimer(min(s.config.DrainNotice, grace/4))
	defer notice.Stop()
	<-notice.C
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.streams.Drain(ctx)
	}()
	if err := srv.Shutdown(ctx); err != nil {
		s.log.Warn("requests not finished within the grace period, they are cut off", "grace", grace, "err", err)
		if err := srv.Close(); err != nil {
			s.log.Warn("connections not closed cleanly, the process ends all the same", "err", err)
		}
	}
	<-drained
	s.streams.Cut()
}

func loopbackAddr(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
