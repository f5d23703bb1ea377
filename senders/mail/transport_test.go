package mail_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/senders"
	sender "github.com/belfry/belfry/senders/mail"
	"github.com/belfry/belfry/senders/mail/letter"
)

func newTransport(t testing.TB, c sender.Config) *sender.Transport {
	t.Helper()
	templates, err := letter.Load("")
	if err != nil {
		t.Fatal(err)
	}
	mails, err := sender.New(c, letter.New(templates, letter.Config{Content: letter.Full, Domain: "example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mails.Close)
	return mails
}

func newServer(t testing.TB, c mailtest.Config) (*mailtest.Server, sender.Config) {
	t.Helper()
	s, err := mailtest.NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	out := sender.Config{Servers: []string{s.Addr}, TLS: sender.Plain, Roots: s.Roots, From: &mail.Address{Name: "Inbox", Address: "inbox@example.com"}, Timeout: 5 * time.Second}
	if c.Secure {
		out.TLS = sender.StartTLS
	}
	return s, out
}

func to(address string) *inbox.Address {
	return &inbox.Address{Seq: 1, Kind: inbox.EndpointMail, Target: address}
}

// message is one of n items, the newest first.
func message(user string, n int) *senders.Message {
	m := &senders.Message{User: user, Channel: "mail", Decision: 99, Row: &inbox.State{Version: 99}, Now: time.Now()}
	for i := range n {
		m.Row.Items = append(m.Row.Items, inbox.Entry{Seq: uint64(n - i), Count: 1})
	}
	for i := range m.Row.Items {
		m.Entries = append(m.Entries, &m.Row.Items[i])
		if i < letter.Newest {
			m.Items = append(m.Items, inbox.Item{Seq: m.Row.Items[i].Seq, Notification: belfry.Notification{Title: belfry.PlainText(fmt.Sprint("결재 ", n-i)), Body: belfry.PlainText("Trip"), Time: m.Now}})
		}
	}
	return m
}

func TestMailIsTaken(t *testing.T) {
	s, c := newServer(t, mailtest.Config{Secure: true, Login: "inbox:geheim"})
	c.User, c.Password, c.ReplyTo = "inbox", "geheim", &mail.Address{Address: "help@example.com"}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.DKIM = &sender.DKIM{Selector: "2026", Key: key}
	mails := newTransport(t, c)
	for range 2 { // a repeat
		if said := mails.Send(t.Context(), message("kim", 25), to("kim@bücher.example")); said.Result != senders.Accepted {
			t.Fatalf("got %+v", said)
		}
	}
	got := s.Mails()
	if len(got) != 2 {
		t.Fatalf("%d mails, want 2", len(got))
	}
	m := got[0]
	if !m.Secure || m.Login != "inbox" || m.UTF8 || m.From != "inbox@example.com" || m.To != "kim@xn--bcher-kva.example" {
		t.Errorf("got %+v", m)
	}
	if id := m.Header("Message-Id"); id == "" || id != got[1].Header("Message-Id") {
		t.Errorf("a repeat has the id %s, the first %s", got[1].Header("Message-Id"), id)
	}
	for name, want := range map[string]string{
		"From": `"Inbox" <inbox@example.com>`, "To": "<kim@xn--bcher-kva.example>", "Reply-To": "<help@example.com>", "Auto-Submitted": "auto-generated", "MIME-Version": "1.0",
	} {
		if m.Header(name) != want {
			t.Errorf("%s is %q, want %q", name, m.Header(name), want)
		}
	}
	if date, err := mail.ParseDate(m.Header("Date")); err != nil || time.Since(date) > time.Hour {
		t.Errorf("date %q, %v", m.Header("Date"), err)
	}
	signed := m.Header("Dkim-Signature")
	for _, want := range []string{"d=example.com", "s=2026", "a=ed25519-sha256", "Message-ID", "Auto-Submitted"} {
		if !strings.Contains(strings.Join(strings.Fields(signed), ""), want) {
			t.Errorf("the signature %q has no %s", signed, want)
		}
	}
	text, html := m.Part("text/plain"), m.Part("text/html")
	if !strings.Contains(text, "결재 25") || !strings.Contains(html, "결재 25") || strings.Contains(text, "결재 5\n") {
		t.Errorf("text:\n%s\nHTML:\n%.2000s", text, html)
	}
	for line := range bytes.Lines(m.Raw) {
		if len(line) > 998+2 || !bytes.HasSuffix(line, []byte("\r\n")) {
			t.Errorf("line %.100q of %d bytes", line, len(line))
		}
	}
}

// TestAddresses has an address that needs more than the server has not be sent to, and a
// hostile one not be taken for another.
func TestAddresses(t *testing.T) {
	s, c := newServer(t, mailtest.Config{NoUTF8: true})
	mails := newTransport(t, c)
	for address, want := range map[string]senders.Result{
		"사용자@example.com": senders.Rejected, "kim@-.example": senders.Rejected, "kim": senders.Rejected, "": senders.Rejected,
		"kim@example.com>\r\nRCPT TO:<lee@example.com": senders.Rejected, "Kim <kim@example.com>": senders.Rejected, "kim@example.com, lee@example.com": senders.Rejected,
		`"kim lee"@example.com`: senders.Accepted, "kim+tag@example.com": senders.Accepted,
	} {
		if said := mails.Send(t.Context(), message("kim", 1), to(address)); said.Result != want || strings.Contains(said.Detail, "kim") {
			t.Errorf("%q: %+v, want %s", address, said, want)
		}
	}
	if s.Taken() != 2 {
		t.Errorf("%d mails were taken", s.Taken())
	}
	wide, c := newServer(t, mailtest.Config{})
	if said := newTransport(t, c).Send(t.Context(), message("kim", 1), to("사용자@example.com")); said.Result != senders.Accepted {
		t.Errorf("got %+v", said)
	}
	if got := wide.Mails(); len(got) != 1 || !got[0].UTF8 || got[0].To != "사용자@example.com" {
		t.Errorf("got %+v", got)
	}
}

// TestConnectionsAreUsedAgain has many mails go over few connections, also after a refusal,
// and after the server has ended those that were idle.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	s, c := newServer(t, mailtest.Config{Secure: true})
	s.Answers(func(m *mailtest.Mail) error {
		if m.To == "refused@example.com" {
			return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "no"}
		}
		return nil
	})
	mails := newTransport(t, c)
	send := func(name string, want senders.Result) {
		t.Helper()
		if said := mails.Send(t.Context(), message(name, 1), to(name+"@example.com")); said.Result != want {
			t.Errorf("%s: %+v, want %s", name, said, want)
		}
	}
	for range 30 {
		send("kim", senders.Accepted)
		send("refused", senders.Rejected)
	}
	if n := s.MostConnections(); n != 1 {
		t.Errorf("%d connections for one mail after the other", n)
	}
	s.Stop()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	send("kim", senders.Accepted) // the idle connection has ended
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				send("kim", senders.Accepted)
			}
		})
	}
	all.Wait()
	if n := s.MostConnections(); n > 8 {
		t.Errorf("%d connections for 8 at a time", n)
	}
	s.Stop()
	send("kim", senders.Unreachable)
}

// TestSecondServer has the next server be used where the first does not work.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	s, c := newServer(t, mailtest.Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	c.Servers = []string{ln.Addr().String(), s.Addr}
	mails := newTransport(t, c)
	for range 2 {
		if said := mails.Send(t.Context(), message("kim", 1), to("kim@example.com")); said.Result != senders.Accepted {
			t.Errorf("got %+v", said)
		}
	}
	if mails.Server() != "127.0.0.1" {
		t.Errorf("the server is %s", mails.Server())
	}
}

func TestNewRefuses(t *testing.T) {
	from := &mail.Address{Address: "inbox@example.com"}
	for name, c := range map[string]sender.Config{
		"no server": {From: from}, "no port": {From: from, Servers: []string{"smtp.example.com"}}, "sender": {From: &mail.Address{Address: "사용자@example.com"}, Servers: []string{"a:25"}},
		"login": {From: from, Servers: []string{"a:25"}, TLS: sender.Plain, User: "x"},
	} {
		if _, err := sender.New(c, nil); err == nil || errors.Unwrap(err) == nil && strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
