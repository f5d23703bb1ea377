package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/mail"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/senders"
	sender "github.com/belfry/belfry/senders/mail"
)

// script is a mail server that says what it is told to, by the command, "connect", "TLS" for
// the handshake, "body" before all of a mail has come, and "." for when it has.
type script struct {
	ln    net.Listener
	tls   *tls.Config
	says  map[string]string
	mails atomic.Int32
	conns atomic.Int32
	all   sync.WaitGroup

	mu   sync.Mutex
	open []net.Conn
}

// Acts of a script in place of a reply.
const (
	hang = "hang"
	drop = "drop"
)

func newScript(t *testing.T, says map[string]string) (*script, sender.Config) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{ln: ln, says: says}
	secure, roots, err := mailtest.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	s.tls = secure
	s.all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, c)
			s.mu.Unlock()
			s.conns.Add(1)
			s.all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		s.mu.Lock()
		for _, c := range s.open {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.all.Wait()
	})
	return s, sender.Config{Servers: []string{ln.Addr().String()}, TLS: sender.Plain, Roots: roots, From: &mail.Address{Name: "Inbox", Address: "inbox@example.com"}, Timeout: 5 * time.Second}
}

func (s *script) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	// say is false once the conversation is over.
	say := func(at, otherwise string) bool {
		reply, ok := s.says[at]
		if !ok {
			reply = otherwise
		}
		switch reply {
		case drop:
			return false
		case hang:
			_, _ = io.Copy(io.Discard, in)
			return false
		}
		_, err := io.WriteString(c, reply+"\r\n")
		return err == nil && !strings.HasPrefix(reply, "421")
	}
	if !say("connect", "220 mx.example") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.Fields(line + " x")[0])
		switch command {
		case "EHLO":
			if !say(command, "250-mx.example\r\n250-AUTH PLAIN\r\n250 STARTTLS") {
				return
			}
		case "STARTTLS":
			if !say(command, "220 go") {
				return
			}
			if reply := s.says[command]; reply != "" && !strings.HasPrefix(reply, "220") {
				continue
			}
			if s.says["TLS"] == drop {
				return
			}
			secure := tls.Server(c, s.tls)
			c, in = secure, bufio.NewReader(secure)
		case "AUTH":
			if !say(command, "235 in") {
				return
			}
		case "DATA":
			if !say(command, "354 go") {
				return
			}
			if reply := s.says[command]; reply != "" && !strings.HasPrefix(reply, "354") {
				continue
			}
			if s.says["body"] == drop {
				return
			}
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
			}
			s.mails.Add(1)
			if !say(".", "250 taken") {
				return
			}
		case "QUIT":
			_, _ = io.WriteString(c, "221 bye\r\n")
			return
		default:
			if !say(command, "250 fine") {
				return
			}
		}
	}
}

// TestAnswers is the table of docs/mail.md: what is said at each step, and what follows.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const (
		accepted, unanswered, gone = senders.Accepted, senders.Unanswered, senders.Gone
		deferred, unavailable      = senders.Deferred, senders.Unavailable
		unreachable, unauthorized  = senders.Unreachable, senders.Unauthorized
		rejected                   = senders.Rejected
	)
	secure := func(c *sender.Config) { c.TLS = sender.StartTLS }
	login := func(c *sender.Config) { secure(c); c.User, c.Password = "inbox", "geheim" }
	brief := func(c *sender.Config) { c.Timeout = 300 * time.Millisecond }
	for _, tt := range []struct {
		at, says string
		with     func(*sender.Config)
		want     senders.Result
		detail   string
	}{
		{"connect", "421 4.3.2 shutting down", nil, unavailable, "connect: 421 4.3.2"},
		{"connect", "554 no mail here", nil, unauthorized, "connect: 554"},
		{"connect", drop, nil, unreachable, "hung up"},
		{"connect", hang, brief, unreachable, "no answer in time"},
		{"EHLO", "421 busy", nil, unavailable, "EHLO"},
		{"EHLO", "502 not implemented", nil, accepted, ""}, // HELO is
		{"EHLO", "250 mx.example", secure, unauthorized, "STARTTLS"},
		{"STARTTLS", "454 4.7.0 not now", secure, unavailable, "TLS: 454"},
		{"TLS", drop, secure, unreachable, "TLS"},
		{"", "", func(c *sender.Config) { secure(c); c.Roots = nil }, unreachable, "certificate not trusted"},
		{"", "", func(c *sender.Config) { c.TLS = sender.Implicit }, unreachable, "does not speak TLS"},
		{"AUTH", "535 5.7.8 no", login, unauthorized, "AUTH: 535 5.7.8"},
		{"AUTH", "454 4.7.0 not now", login, unavailable, "AUTH: 454"},
		{"MAIL", "421 4.4.2 idle", nil, unavailable, "MAIL: 421"},
		{"MAIL", "451 4.3.0 disk", nil, unavailable, "MAIL: 451 4.3.0"},
		{"MAIL", "550 5.7.1 not you", nil, unauthorized, "MAIL: 550"},
		{"MAIL", "530 5.7.0 log in", nil, unauthorized, "MAIL: 530"},
		{"MAIL", hang, brief, unreachable, "MAIL: no answer"},
		{"RCPT", "550 5.1.1 <kim@example.com> unknown", nil, gone, ""},
		{"RCPT", "550 5.1.2 no such domain", nil, gone, ""},
		{"RCPT", "553 5.1.3 syntax", nil, gone, ""},
		{"RCPT", "551 5.1.6 moved", nil, gone, ""},
		{"RCPT", "556 5.1.10 null MX", nil, gone, ""},
		{"RCPT", "550 5.1.0 address", nil, rejected, ""},
		{"RCPT", "550 5.1.8 sender", nil, rejected, ""},
		{"RCPT", "550 unknown user", nil, rejected, "RCPT: 550"},
		{"RCPT", "550 5.2.1 disabled", nil, rejected, ""},
		{"RCPT", "552 5.2.2 full", nil, rejected, ""},
		{"RCPT", "554 5.7.1 relay denied", nil, rejected, ""},
		{"RCPT", "452 4.2.2 full", nil, deferred, "RCPT: 452 4.2.2"},
		{"RCPT", "450 4.2.0 greylisted", nil, deferred, ""},
		{"RCPT", "451 4.7.1 greylisted", nil, deferred, ""},
		{"RCPT", "450 mailbox busy", nil, deferred, ""},
		{"RCPT", "451 4.3.0 no disk", nil, unavailable, ""},
		{"RCPT", "421 4.7.0 too much", nil, unavailable, ""},
		{"RCPT", drop, nil, unreachable, "RCPT: the server hung up"},
		{"DATA", "451 4.3.2 later", nil, unavailable, ""},
		{"DATA", "554 5.5.1 no valid recipients", nil, rejected, ""},
		{"DATA", hang, brief, unreachable, "DATA: no answer"},
		{"body", drop, nil, unreachable, "message"},
		{".", "250 2.0.0 queued", nil, accepted, ""},
		{".", "421 4.3.2 closing", nil, unavailable, ""},
		{".", "451 aborted", nil, unavailable, "end of message: 451"},
		{".", "451 4.7.1 later", nil, deferred, ""},
		{".", "452 4.2.2 full", nil, deferred, ""},
		{".", "452 4.3.1 disk full", nil, unavailable, ""},
		{".", "550 5.1.1 unknown", nil, gone, ""},
		{".", "552 5.2.2 full", nil, rejected, ""},
		{".", "552 5.3.4 too big", nil, rejected, ""},
		{".", "554 5.7.1 spam", nil, rejected, ""},
		{".", drop, nil, unanswered, "end of message: the server hung up"},
		{".", hang, brief, unanswered, "end of message: no answer in time"},
	} {
		t.Run(strings.ReplaceAll(tt.at+" "+tt.says, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s, c := newScript(t, map[string]string{tt.at: tt.says})
			if tt.with != nil {
				tt.with(&c)
			}
			said := newTransport(t, c).Send(t.Context(), message("kim", 1), to("kim@example.com"))
			if tt.at == "body" && said.Result == unanswered {
				return // the whole of it was in the sockets' buffers before the server hung up
			}
			if said.Result != tt.want || !strings.Contains(said.Detail, tt.detail) {
				t.Errorf("got %+v, want %s with %q", said, tt.want, tt.detail)
			}
			if strings.Contains(said.Detail, "kim") {
				t.Errorf("%q has more of an address than its domain", said.Detail)
			}
			if waits := said.Result == deferred || said.Result == rejected; waits != (said.Wait > 0) {
				t.Errorf("%+v is sent to again after %s", said, said.Wait)
			}
			if n, whole := s.mails.Load(), tt.at == "." || tt.want == accepted; n > 1 || (n == 1) != whole {
				t.Errorf("the mail came whole %d times", n)
			}
		})
	}
}

// TestEndOfSession has a mail that is cut off count as sent once it has gone out whole.
func TestEndOfSession(t *testing.T) {
	for at, want := range map[string]senders.Result{"RCPT": senders.Unreachable, ".": senders.Unanswered} {
		s, c := newScript(t, map[string]string{at: hang})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for s.conns.Load() == 0 || at == "." && s.mails.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if said := newTransport(t, c).Send(ctx, message("kim", 1), to("kim@example.com")); said.Result != want {
			t.Errorf("cut off at %s: %+v", at, said)
		}
	}
}

// TestAnswersAreExplained has docs/mail.md say what each answer means.
func TestAnswersAreExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/mail.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []senders.Result{senders.Accepted, senders.Unanswered, senders.Gone, senders.Deferred, senders.Unavailable, senders.Unreachable, senders.Unauthorized, senders.Rejected} {
		if !strings.Contains(string(text), "`"+string(r)+"`") {
			t.Errorf("docs/mail.md says nothing of %s", r)
		}
	}
}

// TestAServerThatSaysTooMuch has a reply of any number of lines take no memory: it would be
// kept until its last one.
func TestAServerThatSaysTooMuch(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"connect", "EHLO", "RCPT"} {
		_, c := newScript(t, map[string]string{at: strings.Repeat("250-"+strings.Repeat("x", 60)+"\r\n", 10_000) + "250 x"})
		said := newTransport(t, c).Send(t.Context(), message("kim", 1), to("kim@example.com"))
		if said.Result != senders.Unreachable || !strings.Contains(said.Detail, "says too much") {
			t.Errorf("%s: got %+v", at, said)
		}
	}
	_, c := newScript(t, map[string]string{"EHLO": "250-" + strings.Repeat("x", 10_000) + "\r\n250 x"})
	if said := newTransport(t, c).Send(t.Context(), message("kim", 1), to("kim@example.com")); said.Result != senders.Accepted {
		t.Errorf("a long reply: got %+v", said)
	}
}
