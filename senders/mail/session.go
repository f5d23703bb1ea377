package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// session is a connection to a server that lets us in. One message at a time is sent on it.
type session struct {
	client *smtp.Client
	conn   *conn
	sent   int
	used   bool // for a message before
}

// conn is a connection whose deadline is set by its session alone: libraries above it have
// others of their own.
type conn struct {
	net.Conn
	broken atomic.Bool // something was not written
	room   int         // bytes that may still be read at this step
}

// maxReply is how much a server may say at one step, the certificates of a handshake
// included: a reply has any number of lines, and is kept until its last one.
const maxReply = 256 << 10

var errReply = errors.New("the server says too much")

func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errReply
	}
	n, err := c.Conn.Read(p[:min(len(p), c.room)])
	c.room -= n
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// SetDeadline does nothing.
func (c *conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// within has what follows end by the deadline of ctx, and after d at the latest, and the
// server say no more than [maxReply].
func (c *conn) within(ctx context.Context, d time.Duration) {
	c.room = maxReply
	by := time.Now().Add(d)
	if limit, ok := ctx.Deadline(); ok && limit.Before(by) {
		by = limit
	}
	_ = c.Conn.SetDeadline(by)
	if ctx.Err() != nil {
		c.cut()
	}
}

// cut ends whatever waits for the connection.
func (c *conn) cut() { _ = c.Conn.SetDeadline(time.Unix(1, 0)) }

// dial returns a session with the first server that works, beginning with the one that did
// last. The error is that of the last one tried, and step where that was.
func (t *Transport) dial(ctx context.Context) (s *session, at step, err error) {
	n := len(t.Servers)
	first := int(t.working.Load())
	for i := range n {
		which := (first + i) % n
		if s, at, err = t.dialTo(ctx, t.Servers[which]); err == nil {
			t.working.Store(int32(which))
			return s, at, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, at, err
}

func (t *Transport) dialTo(ctx context.Context, server string) (_ *session, at step, err error) {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return nil, stepConnect, err
	}
	dialing, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(dialing, "tcp", server)
	if err != nil {
		return nil, stepConnect, err
	}
	c := &conn{Conn: raw}
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	defer context.AfterFunc(ctx, c.cut)()
	step := func(now step) {
		at = now
		c.within(ctx, t.Timeout)
	}
	secure := &tls.Config{ServerName: host, RootCAs: t.Roots, MinVersion: tls.VersionTLS12}
	over := net.Conn(c)
	if t.TLS == Implicit {
		step(stepTLS)
		encrypted := tls.Client(c, secure)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, at, err
		}
		over = encrypted
	}
	step(stepConnect)
	client, err := smtp.NewClient(over, host)
	if err != nil {
		return nil, at, err
	}
	step(stepHello)
	if err := client.Hello(t.Hello); err != nil {
		return nil, at, err
	}
	if t.TLS == StartTLS {
		step(stepTLS)
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, at, errNoStartTLS
		}
		if err := client.StartTLS(secure); err != nil {
			return nil, at, err
		}
	}
	if t.User != "" {
		step(stepLogin)
		login, err := t.login(client, host)
		if err != nil {
			return nil, at, err
		}
		if err := client.Auth(login); err != nil {
			return nil, at, err
		}
	}
	return &session{client: client, conn: c}, at, nil
}

// login is the best way to log in that a server offers.
func (t *Transport) login(client *smtp.Client, host string) (smtp.Auth, error) {
	_, offered := client.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	for _, way := range []struct {
		name string
		make func() smtp.Auth
	}{
		{"SCRAM-SHA-256", func() smtp.Auth { return smtp.ScramSHA256Auth(t.User, t.Password) }},
		{"SCRAM-SHA-1", func() smtp.Auth { return smtp.ScramSHA1Auth(t.User, t.Password) }},
		{"PLAIN", func() smtp.Auth { return smtp.PlainAuth("", t.User, t.Password, host, false) }},
		{"LOGIN", func() smtp.Auth { return smtp.LoginAuth(t.User, t.Password, host, false) }},
	} {
		if slices.Contains(ways, way.name) {
			return way.make(), nil
		}
	}
	return nil, errNoLogin
}

// send sends a message and returns at which step it ended, and how.
func (s *session) send(ctx context.Context, timeout time.Duration, m *message) (at step, err error) {
	defer context.AfterFunc(ctx, s.conn.cut)()
	step := func(now step) {
		at = now
		s.conn.within(ctx, timeout)
	}
	step(stepFrom)
	s.client.SkipSMTPUTF8(!m.utf8)
	if err := s.client.Mail(m.from); err != nil {
		return at, err
	}
	step(stepTo)
	if err := s.client.Rcpt(m.to); err != nil {
		return at, err
	}
	step(stepData)
	body, err := s.client.Data()
	if err != nil {
		return at, err
	}
	step(stepBody)
	_, writing := body.Write(m.text)
	at = stepEnd
	if writing == nil {
		s.conn.within(ctx, answerSteps*timeout)
	}
	// A server that does not want the rest may have said so.
	err = body.Close()
	if errors.Join(writing, err) != nil && s.conn.broken.Load() {
		at = stepBody
	}
	return at, err
}

// close ends a session; politely it takes leave, for a second at most.
func (s *session) close(politely bool) {
	if politely {
		s.conn.within(context.Background(), time.Second)
		if s.client.Quit() == nil {
			return
		}
	}
	_ = s.conn.Conn.Close()
}
