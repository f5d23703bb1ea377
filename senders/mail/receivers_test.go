package mail_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/senders"
	sender "github.com/belfry/belfry/senders/mail"
	"github.com/belfry/belfry/senders/mail/letter"
)

// TestReceiversRules is the table of docs/letters.md of what large receivers ask for, point by
// point, of mails as a server gets them: of one item, of several, and of texts that are
// hostile.
func TestReceiversRules(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"Ed25519": private, "RSA": rsaKey} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t, mailtest.Config{Secure: true})
			c.DKIM = &sender.DKIM{Selector: "2026", Key: key}
			c.ReplyTo = &mail.Address{Name: "Help", Address: "help@example.com"}
			signer, err := links.NewSigner([]byte(strings.Repeat("s", 32)), "https://inbox.example.com")
			if err != nil {
				t.Fatal(err)
			}
			templates, err := letter.Load("")
			if err != nil {
				t.Fatal(err)
			}
			mails, err := sender.New(c, letter.New(templates, letter.Config{Content: letter.Full, Name: "Inbox", Domain: "example.com", PublicURL: "https://inbox.example.com", Links: signer}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(mails.Close)
			hostile := message("lee\r\nBcc: x@evil.example", 1)
			hostile.Items[0].Title = belfry.PlainText("x\r\nBcc: evil@example.com\r\n\r\n.\r\nMAIL FROM:<x> =?utf-8?q?=0d=0aBcc:_y?= " + strings.Repeat("긴", 400))
			for _, m := range []*senders.Message{message("kim", 1), message("kim", 25), hostile} {
				if said := mails.Send(t.Context(), m, to("kim@example.com")); said.Result != senders.Accepted {
					t.Fatalf("got %+v", said)
				}
			}
			all := s.Mails()
			if len(all) != 3 {
				t.Fatalf("%d mails came, want 3", len(all))
			}
			for i := range all {
				checkReceived(t, &all[i], key.Public())
			}
		})
	}
}

// checkReceived holds what each mail must be.
func checkReceived(t *testing.T, m *mailtest.Mail, key crypto.PublicKey) {
	t.Helper()
	head, _, _ := strings.Cut(string(m.Raw), "\r\n\r\n")
	fields := strings.Split(folds.ReplaceAllString(head, "$1"), "\r\n")
	count := map[string]int{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		count[strings.ToLower(name)]++
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r > '~' }) {
			t.Errorf("a field is not printable ASCII: %q", f)
		}
	}
	// One of each, and no other that a reader or a server acts on (RFC 5322, section 3.6).
	for _, name := range []string{"from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type", "dkim-signature", "list-id", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "x-auto-response-suppress"} {
		if count[name] != 1 {
			t.Errorf("%d fields %s, want one", count[name], name)
		}
	}
	for _, name := range []string{"bcc", "cc", "sender", "return-path", "resent-to"} {
		if count[name] != 0 {
			t.Errorf("there is a field %s: %s", name, head)
		}
	}
	for line := range bytes.Lines(m.Raw) {
		if !bytes.HasSuffix(line, []byte("\r\n")) || len(line) > 998+2 || bytes.ContainsAny(line[:len(line)-2], "\r\n\x00") {
			t.Errorf("a line by no rule: %.100q", line)
		}
	}
	if date, err := mail.ParseDate(m.Header("Date")); err != nil || time.Since(date).Abs() > time.Hour {
		t.Errorf("the date is %s, %v", m.Header("Date"), err)
	}
	if id := m.Header("Message-Id"); !regexp.MustCompile(`^<[0-9a-f]{40}@example\.com>$`).MatchString(id) {
		t.Errorf("the id is %s", id)
	}
	// From is one address, that of the envelope, whose domain has signed: DMARC is aligned.
	from, err := mail.ParseAddressList(m.Header("From"))
	if err != nil || len(from) != 1 || from[0].Address != m.From || !strings.HasSuffix(m.From, "@example.com") || from[0].Name != "Inbox" {
		t.Errorf("from %v, %v, in the envelope %s", from, err, m.From)
	}
	if err := verify(m.Raw, key); err != nil {
		t.Error(err)
	}
	// The signature covers all that a receiver acts on, and no second From or Subject fits in.
	covered := map[string]int{}
	_, signed, _ := strings.Cut(fields[0], " h=")
	signed, _, _ = strings.Cut(signed, ";")
	for name := range strings.SplitSeq(strings.ToLower(signed), ":") {
		covered[strings.TrimSpace(name)]++
	}
	for _, name := range []string{"from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type", "list-id", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted"} {
		if covered[name] == 0 || (name == "from" || name == "subject") && covered[name] < 2 {
			t.Errorf("the signature covers %s %d times", name, covered[name])
		}
	}
	if !strings.Contains(fields[0], " d=example.com;") {
		t.Errorf("another domain has signed: %s", fields[0])
	}
	if !m.Secure {
		t.Error("it came without TLS")
	}
	// Leaving: in one click, by a link that DKIM covers, and by one that is seen.
	link := regexp.MustCompile(`^<(https://inbox\.example\.com/v1/links/[\w-]+)>$`).FindStringSubmatch(m.Header("List-Unsubscribe"))
	if link == nil || m.Header("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Fatalf("to leave there is %s, %s", m.Header("List-Unsubscribe"), m.Header("List-Unsubscribe-Post"))
	}
	text, html := m.Part("text/plain"), m.Part("text/html")
	if !strings.Contains(text, link[1]) || !strings.Contains(html, `<a class="faint" href="`+link[1]+`"`) || !strings.Contains(html, "nsubscribe") {
		t.Errorf("no link to leave that can be seen:\n%s\n%s", text, html)
	}
	if m.Header("Auto-Submitted") != "auto-generated" || m.Header("X-Auto-Response-Suppress") != "All" {
		t.Error("programs may answer it")
	}
	// Nothing is hidden, nothing is loaded, nothing runs, and it is shown whole.
	if found := regexp.MustCompile(`(?i)display:\s*none|visibility:\s*hidden|opacity:\s*0|font-size:\s*[01]px|max-height:\s*0|<img|<script|<form|<iframe|url\(|@import|<link`).FindString(html); found != "" || len(html) > 102<<10 {
		t.Errorf("the HTML of %d bytes has %q", len(html), found)
	}
}
