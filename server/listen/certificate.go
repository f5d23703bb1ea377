package listen

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// certificateCheck is how old what was read of the files may be when a client
// connects.
const certificateCheck = 5 * time.Second

// Certificate is a server's certificate and key in two PEM files, read again from
// time to time: those who renew it need not restart the server.
// It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	read time.Time // when the files were read last
}

// LoadCertificate reads both files. Each later change goes to log.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, read: time.Now()}
	var err error
	c.pair, err = c.load()
	return c, err
}

// TLS returns the configuration of a server with this certificate: TLS 1.2 and
// later (RFC 9325 section 3.1.1), HTTP/2 offered.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current(), nil
		},
	}
}

// current is the newest pair that could be read. One that is half written, or
// whose key is another's, leaves the old one in use.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.read) < certificateCheck {
		return c.pair
	}
	c.read = time.Now()
	pair, err := c.load()
	switch {
	case err != nil:
		c.log.Warn("certificate not read again, the old one stays in use", "file", c.certFile, "err", err)
	case !slices.EqualFunc(pair.Certificate, c.pair.Certificate, bytes.Equal):
		c.pair = pair
		c.log.Info("certificate read again", "file", c.certFile)
	}
	return c.pair
}

func (c *Certificate) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, nil
}
