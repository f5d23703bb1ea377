package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/internal/servertest"
)

// writePair makes a certificate for 127.0.0.1 with that name and writes it and
// its key.
func writePair(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writePair(t, certFile, keyFile, "first")
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c, err := LoadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		want := func(name string) {
			t.Helper()
			pair, err := c.TLS().GetCertificate(nil)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(pair.Certificate[0])
			if err != nil || cert.Subject.CommonName != name {
				t.Errorf("got %v (%v), want %s", cert.Subject, err, name)
			}
		}
		want("first")
		writePair(t, certFile, keyFile, "second")
		want("first")
		servertest.After(certificateCheck)
		want("second")
		if !strings.Contains(log.String(), "read again") {
			t.Errorf("the log has %s", log.String())
		}
		if err := os.WriteFile(keyFile, []byte("half a k"), 0o600); err != nil {
			t.Fatal(err)
		}
		servertest.After(certificateCheck)
		want("second")
		if !strings.Contains(log.String(), "stays in use") {
			t.Errorf("the log has %s", log.String())
		}
		writePair(t, certFile, keyFile, "third")
		servertest.After(certificateCheck)
		want("third")
		if err := os.Remove(certFile); err != nil {
			t.Fatal(err)
		}
		servertest.After(certificateCheck)
		want("third")
	})
}

func TestLoadCertificateNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if _, err := LoadCertificate(certFile, keyFile, nil); err == nil || !strings.Contains(err.Error(), certFile) {
		t.Errorf("got %v for a missing file", err)
	}
	writePair(t, certFile, filepath.Join(dir, "other.key"), "a")
	writePair(t, filepath.Join(dir, "other.crt"), keyFile, "b")
	if _, err := LoadCertificate(certFile, keyFile, nil); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("got %v for a key of another certificate", err)
	}
}

// TestServeTLS has streams over HTTPS on both protocols, which end as they do
// without TLS.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writePair(t, certFile, keyFile, "a")
	certificate, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
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
