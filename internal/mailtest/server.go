package mailtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is one that a server has taken.
type Mail struct {
	From, To string // of the envelope
	UTF8     bool   // it was announced to need SMTPUTF8
	Secure   bool   // it came by TLS
	Login    string
	Raw      []byte
	At       time.Time
}

// Header is a field of m, decoded; "" if there is none.
func (m *Mail) Header(name string) string {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return ""
	}
	text, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get(name))
	if err != nil {
		return ""
	}
	return text
}

// Part is the part of a media type, decoded; "" if there is none.
func (m *Mail) Part(media string) string {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return ""
	}
	_, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return ""
		}
		if !strings.HasPrefix(p.Header.Get("Content-Type"), media) {
			continue
		}
		body := io.Reader(p)
		if p.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(p)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return ""
		}
		return strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

// Config is what a server does besides taking mail.
type Config struct {
	Secure bool   // it offers STARTTLS
	Login  string // user:password that it wants; "": none
	NoUTF8 bool   // it does not take addresses beyond ASCII
}

// Server is a mail server. Close it in the end.
type Server struct {
	Addr  string
	Roots *x509.CertPool // by which a client trusts it

	config Config
	tls    *tls.Config
	keep   atomic.Bool

	mu     sync.Mutex
	server *smtp.Server
	done   chan struct{}
	hung   chan struct{} // closed when it stops
	mails  []Mail
	answer func(m *Mail) error

	taken, conns, most atomic.Int64
}

// NewServer starts one that takes everything.
func NewServer(c Config) (*Server, error) {
	s := &Server{config: c, Addr: "127.0.0.1:0"}
	s.keep.Store(true)
	var err error
	if s.tls, s.Roots, err = Certificate(); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// Start has it listen at its address, after NewServer and after Stop.
func (s *Server) Start() error {
	ln, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Addr = ln.Addr().String()
	s.hung, s.done = make(chan struct{}), make(chan struct{})
	s.server = smtp.NewServer(smtp.BackendFunc(s.newSession))
	s.server.Domain = "mx.example"
	s.server.EnableSMTPUTF8 = !s.config.NoUTF8
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	if s.config.Secure {
		s.server.TLSConfig = s.tls
	}
	server, done := s.server, s.done
	go func() {
		defer close(done)
		_ = server.Serve(ln) // ends by Stop
	}()
	return nil
}

// Stop has it hang up on everybody, and listen no more.
func (s *Server) Stop() {
	s.mu.Lock()
	server, done, hung := s.server, s.done, s.hung
	s.server = nil
	s.mu.Unlock()
	if server == nil {
		return
	}
	close(hung)
	_ = server.Close()
	<-done
}

// Close stops it for good.
func (s *Server) Close() { s.Stop() }

// CountOnly has it keep no mail.
func (s *Server) CountOnly() { s.keep.Store(false) }

// Taken is how many mails it has taken.
func (s *Server) Taken() int { return int(s.taken.Load()) }

// MostConnections is how many connections it had at a time at the most.
func (s *Server) MostConnections() int { return int(s.most.Load()) }

// Mails are those that it has taken, in their order.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Errors of Answers that are no replies.
var (
	ErrHang = errors.New("say nothing until the server stops")
	ErrDrop = errors.New("hang up")
)

// Answers has answer judge each mail from now on, once it has come whole: nil takes it, a
// *smtp.SMTPError is replied, and ErrHang and ErrDrop take it without a reply. nil takes all.
func (s *Server) Answers(answer func(m *Mail) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// session is a connection to a server.
type session struct {
	server *Server
	conn   *smtp.Conn
	hung   chan struct{}
	mail   Mail
	login  string
	open   bool
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	hung := s.hung
	s.mu.Unlock()
	n := s.conns.Add(1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	return &session{server: s, conn: c, hung: hung, open: true}, nil
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.server.config.Login == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user+":"+password != s.server.config.Login {
			return smtp.ErrAuthFailed
		}
		s.login = user
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if s.server.config.Login != "" && s.login == "" {
		return smtp.ErrAuthRequired
	}
	_, secure := s.conn.TLSConnectionState()
	s.mail = Mail{From: from, UTF8: o.UTF8, Secure: secure, Login: s.login}
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = to
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := s.mail
	m.Raw, m.At = raw, time.Now()
	s.server.mu.Lock()
	answer := s.server.answer
	s.server.mu.Unlock()
	if answer != nil {
		err = answer(&m)
	}
	var reply *smtp.SMTPError
	if errors.As(err, &reply) {
		return reply
	}
	s.server.taken.Add(1)
	if s.server.keep.Load() {
		s.server.mu.Lock()
		s.server.mails = append(s.server.mails, m)
		s.server.mu.Unlock()
	}
	switch {
	case errors.Is(err, ErrHang):
		<-s.hung
		return s.conn.Conn().Close()
	case errors.Is(err, ErrDrop):
		return s.conn.Conn().Close()
	}
	return err
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.mail = Mail{} }

// Logout implements smtp.Session.
func (s *session) Logout() error {
	if s.open {
		s.open = false
		s.server.conns.Add(-1)
	}
	return nil
}
