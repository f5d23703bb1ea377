package options

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/programtest"
	sender "github.com/belfry/belfry/senders/mail"
)

func TestMail(t *testing.T) {
	private := func(text string) string {
		file := programtest.WriteFile(t, "secret", text)
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "")
	short := private(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(weak)})))
	dkim := private(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	password, empty := private("geheim und so\n"), private("\n")
	good := []string{"--send", "mail", "--smtp-server", "smtp.example.com:587", "--mail-from", "Posteingang <inbox@bücher.example>"}
	var o Push
	all := append(good, "--smtp-user", "inbox", "--smtp-password-file", password, "--mail-reply-to", "help@example.com", "--mail-content", "titles", "--dkim-key-file", dkim, "--dkim-selector", "2026", "--smtp-connections", "3", "--smtp-timeout", "5s")
	if err := parseOptions(t, &o, all...); err != nil {
		t.Fatal(err)
	}
	c := o.Mail.config
	if c.User != "inbox" || c.Password != "geheim und so" || c.TLS != sender.StartTLS || c.Hello != "xn--bcher-kva.example" || c.Connections != 3 || c.Timeout != 5*time.Second ||
		c.From.Name != "Posteingang" || c.ReplyTo.Address != "help@example.com" || c.DKIM == nil || o.Mail.letters.Domain != "xn--bcher-kva.example" || o.Mail.letters.Content != "titles" {
		t.Errorf("got %+v, letters %+v", c, o.Mail.letters)
	}
	push, mail, err := o.Config(nil)
	if err != nil || mail == nil || push.Send || !strings.Contains(mail.Lacks, "--public-url") {
		t.Fatalf("got %+v, %v", mail, err)
	}
	transport, stop, err := mail.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if origin, service := transport.Names(nil); origin != "smtp.example.com" || service != origin {
		t.Errorf("the server is %s, %s", origin, service)
	}
	for _, tt := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"--send", "mail"}, []string{"mail-from", "--send mail"}},
		{[]string{"--send", "mail", "--mail-from", "a@example.com"}, []string{"smtp-server", "smtp.example.com:587"}},
		{append(good, "--smtp-server", ":25"), []string{"smtp-server", "127.0.0.1:25"}},
		{append(good, "--smtp-server", "smtp.example.com"), []string{"smtp-server", "port", ":587"}},
		{append(good, "--mail-from", "nobody"), []string{"mail-from", "inbox@example.com"}},
		{append(good, "--mail-from", "x@-.example"), []string{"mail-from"}},
		{append(good, "--mail-reply-to", "a@example.com, b@example.com"), []string{"mail-reply-to"}},
		{append(good, "--mail-language", "klingon!"), []string{"mail-language", "ko"}},
		{append(good, "--mail-templates", "nowhere"), []string{"mail-templates"}},
		{append(good, "--smtp-user", "inbox"), []string{"smtp-user", "--smtp-password-file"}},
		{append(good, "--smtp-password-file", password), []string{"smtp-password-file", "--smtp-user"}},
		{append(good, "--smtp-user", "inbox", "--smtp-password-file", empty), []string{"smtp-password-file", "empty"}},
		{append(good, "--smtp-user", "inbox", "--smtp-password-file", password, "--smtp-tls", "none"), []string{"smtp-user", "unencrypted"}},
		{append(good, "--smtp-connections", "0"), []string{"smtp-connections"}},
		{append(good, "--smtp-timeout", "1ms"), []string{"smtp-timeout"}},
		{append(good, "--smtp-hello", "a b"), []string{"smtp-hello"}},
		{append(good, "--smtp-ca-file", password), []string{"smtp-ca-file", "PEM"}},
		{append(good, "--dkim-key-file", dkim), []string{"dkim-key-file", "--dkim-selector"}},
		{append(good, "--dkim-selector", "a b", "--dkim-key-file", dkim), []string{"dkim-selector", "a b"}},
		{append(good, "--dkim-selector", "x", "--dkim-key-file", short), []string{"dkim-key-file", "512-bit"}},
		{append(good, "--dkim-selector", "x"), []string{"dkim-selector", "--dkim-key-file"}},
		{append(good, "--dkim-selector", "x", "--dkim-key-file", password), []string{"dkim-key-file", "Ed25519"}},
		{[]string{"--smtp-user", "inbox"}, []string{"smtp-user", "--smtp-server"}},
	} {
		err := parseOptions(t, &Push{}, tt.args...)
		wantFlagError(t, err, tt.parts...)
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v quotes a secret", err)
		}
	}
	for tls, want := range map[string]int{"none": 1, "implicit": 0} {
		if err := parseOptions(t, &o, append(good, "--smtp-tls", tls)...); err != nil || len(o.Warnings()) != want {
			t.Errorf("--smtp-tls %s: %v, warned of %q", tls, err, o.Warnings())
		}
	}
}
