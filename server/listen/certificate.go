package listen

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateCheck is how old what is known of the files may be.
const certificateCheck = 5 * time.Second

// Certificate is a server's certificate and key in two PEM files, read again
// when one of them has changed: those who renew it need not restart the server.
// It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	stamp   string    // of the files as they were read last
	checked time.Time // when their stamp was last looked at
}

// LoadCertificate reads both files. log is told of each later reading.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	stamp, err := c.look()
	if err != nil {
		return nil, err
	}
	if err := c.read(stamp); err != nil {
		return nil, err
	}
	c.checked = time.Now()
	return c, nil
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
	if time.Since(c.checked) < certificateCheck {
		return c.pair
	}
	c.checked = time.Now()
	stamp, err := c.look()
	if err == nil && stamp != c.stamp {
		if err = c.read(stamp); err == nil {
			c.log.Info("certificate read again", "file", c.certFile)
		}
	}
	if err != nil {
		c.log.Warn("certificate not read again, the old one stays in use", "err", err)
	}
	return c.pair
}

// look tells the files of now from those of another time.
func (c *Certificate) look() (stamp string, err error) {
	for _, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return "", fmt.Errorf("read certificate: %w", err)
		}
		stamp += fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), " ")
	}
	return stamp, nil
}

func (c *Certificate) read(stamp string) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.pair, c.stamp = &pair, stamp
	return nil
}
