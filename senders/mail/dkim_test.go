package mail_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/senders"
	sender "github.com/belfry/belfry/senders/mail"
)

// TestSignatures checks signatures as a receiver does, by what RFC 6376 says: go-mail's own
// idea of its folds is no proof.
func TestSignatures(t *testing.T) {
	_, small, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"2026": small, strings.Repeat("long-", 11) + "2026": large} {
		s, c := newServer(t, mailtest.Config{})
		c.DKIM = &sender.DKIM{Selector: name, Key: key}
		if said := newTransport(t, c).Send(t.Context(), message("kim", 25), to("kim@example.com")); said.Result != senders.Accepted {
			t.Fatalf("got %+v", said)
		}
		raw := s.Mails()[0].Raw
		if err := verify(raw, key.Public()); err != nil {
			t.Errorf("%T: %v", key, err)
		}
		if verify(bytes.Replace(raw, []byte("Subject: "), []byte("Subject: x"), 1), key.Public()) == nil {
			t.Errorf("%T: another subject has the same signature", key)
		}
		for line := range bytes.Lines(raw) {
			if len(line) > 998+2 {
				t.Errorf("%T: a line of %d bytes", key, len(line))
			}
		}
	}
}

var (
	folds  = regexp.MustCompile(`\r\n([ \t])`)
	spaces = regexp.MustCompile(`[ \t]+`)
	values = regexp.MustCompile(`([; ]b=)[^;]*`)
)

// verify checks the signature that a mail begins with: relaxed/relaxed, as a receiver would.
func verify(raw []byte, public crypto.PublicKey) error {
	head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	fields := strings.Split(folds.ReplaceAllString(head, "$1"), "\r\n")
	relaxed := func(field string) string {
		name, value, _ := strings.Cut(field, ":")
		return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.TrimSpace(spaces.ReplaceAllString(value, " "))
	}
	tags := map[string]string{}
	for tag := range strings.SplitSeq(strings.TrimPrefix(fields[0], "DKIM-Signature:"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(tag), "=")
		tags[name] = value
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(body, "\r\n"), "\r\n") {
		lines = append(lines, strings.TrimRight(spaces.ReplaceAllString(line, " "), " "))
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\r\n") + "\r\n"))
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != tags["bh"] {
		return fmt.Errorf("bh=%s, and the body's is %s", tags["bh"], got)
	}
	var signed strings.Builder
	rest := fields[1:]
	for name := range strings.SplitSeq(tags["h"], ":") {
		for i := len(rest) - 1; i >= 0; i-- {
			if own, _, _ := strings.Cut(rest[i], ":"); strings.EqualFold(own, strings.TrimSpace(name)) {
				signed.WriteString(relaxed(rest[i]) + "\r\n")
				rest = append(rest[:i:i], rest[i+1:]...)
				break
			}
		}
	}
	signed.WriteString(values.ReplaceAllString(relaxed(fields[0]), "$1"))
	signature, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(tags["b"], " ", ""))
	if err != nil {
		return err
	}
	sum = sha256.Sum256([]byte(signed.String()))
	switch key := public.(type) {
	case ed25519.PublicKey:
		if !ed25519.Verify(key, sum[:], signature) {
			return fmt.Errorf("no signature of these headers: %s", tags["h"])
		}
		return nil
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	}
	return fmt.Errorf("a key of %T", public)
}
