package server

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/listen"
)

// TestServeTLS has streams over HTTPS on both protocols, which end as they do
// without TLS.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	servertest.WritePair(t, certFile, keyFile, "a")
	certificate, err := listen.LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, 10*time.Second, func(c *Config) { c.Certificate = certificate })
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(certFile)
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate", err)
	}
	var streams []servertest.Reader
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}
		t.Cleanup(transport.CloseIdleConnections)
		events, resp := servertest.Dial(t, &http.Client{Transport: transport}, "https"+strings.TrimPrefix(r.url, "http")+"/v1/users/u/stream")
		if got := resp.ProtoMajor == 2; got != h2 || resp.TLS == nil {
			t.Errorf("got %s, TLS %t", resp.Proto, resp.TLS != nil)
		}
		events.Want("retry")
		events.Want("unread id=0.0")
		streams = append(streams, events)
	}
	r.notify("u", "one")
	for _, events := range streams {
		events.Want(`item "title":"one"`)
		events.Want("unread id=7.1")
	}
	r.stop()
	for _, events := range streams {
		events.Want(`bye {"reason":"drain"} id=7.1`)
		if e, ok := events.Next(); ok {
			t.Errorf("got %s after bye", e)
		}
	}
}
