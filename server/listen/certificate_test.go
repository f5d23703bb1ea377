package listen

import (
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry/internal/servertest"
)

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	servertest.WritePair(t, certFile, keyFile, "first")
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
		servertest.WritePair(t, certFile, keyFile, "second")
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
		servertest.WritePair(t, certFile, keyFile, "third")
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
	servertest.WritePair(t, certFile, filepath.Join(dir, "other.key"), "a")
	servertest.WritePair(t, filepath.Join(dir, "other.crt"), keyFile, "b")
	if _, err := LoadCertificate(certFile, keyFile, nil); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("got %v for a key of another certificate", err)
	}
}
