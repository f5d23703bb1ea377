package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry/senders"
)

// step is where a conversation with a server is.
type step string

const (
	stepConnect step = "connect"
	stepHello   step = "EHLO"
	stepTLS     step = "TLS"
	stepLogin   step = "AUTH"
	stepFrom    step = "MAIL"
	stepTo      step = "RCPT"
	stepData    step = "DATA"
	stepBody    step = "message"
	stepEnd     step = "end of message"
)

const (
	// againRefused is when a user is sent to again whose mail was refused for good: the
	// next may pass, and an operator may have mended it.
	againRefused = time.Hour
	// againDeferred is when a user is sent to again whose box is full, or who is greylisted.
	againDeferred = 10 * time.Minute
)

// errNoStartTLS is that a server does not encrypt.
var errNoStartTLS = errors.New("the server offers no STARTTLS; --smtp-tls says how else to connect")

// errNoLogin is that a server offers no way to log in that is known here.
var errNoLogin = errors.New("the server offers no login by password; --smtp-user is not for it")

// answer is what an error at a step means, nil being that all went well. A message that has
// gone out whole, and was not answered, counts as sent: SMTP has no way to ask.
func answer(at step, err error) senders.Answer {
	var said *textproto.Error
	switch {
	case err == nil:
		return senders.Answer{Result: senders.Accepted}
	case errors.As(err, &said):
		return replied(at, said)
	case errors.Is(err, errNoStartTLS), errors.Is(err, errNoLogin):
		return senders.Answer{Result: senders.Unauthorized, Detail: err.Error()}
	case at == stepEnd:
		return senders.Answer{Result: senders.Unanswered, Detail: detail(at, err)}
	}
	return senders.Answer{Result: senders.Unreachable, Detail: detail(at, err)}
}

// replied is what a reply means that is not the one hoped for (RFC 5321 section 4.2, RFC 3463).
// Before RCPT it is about all mails, afterwards about this one, unless it says otherwise.
func replied(at step, said *textproto.Error) senders.Answer {
	code, status := said.Code, statusOf(said.Msg)
	out := senders.Answer{Detail: strings.TrimSpace(fmt.Sprintf("%s: %d %s", at, code, status))}
	class, rest, _ := strings.Cut(status, ".")
	subject, _, _ := strings.Cut(rest, ".")
	own := at == stepTo || at == stepData || at == stepEnd
	temporary := code/100 == 4 && class != "5"
	switch {
	case code == 421, code/100 != 4 && code/100 != 5, code == 503:
		out.Result = senders.Unavailable // it closes, or has lost its thread
	case !own && temporary:
		out.Result = senders.Unavailable
	case !own, code == 530, code == 535, code == 538:
		out.Result = senders.Unauthorized
	case temporary && (subject == "3" || subject == "5"),
		temporary && at != stepTo && subject == "" && code != 450:
		out.Result = senders.Unavailable
	case temporary:
		out.Result, out.Wait = senders.Deferred, againDeferred
	case at != stepData && slices.Contains(gone, rest):
		out.Result = senders.Gone
	default:
		out.Result, out.Wait = senders.Rejected, againRefused
	}
	return out
}

// gone are the statuses that say that there is no such recipient: those of an address that
// are about the recipient's own (RFC 3463 section 3.2, RFC 7505).
var gone = []string{"1.1", "1.2", "1.3", "1.6", "1.10"}

// enhanced is the status at the head of a reply's text (RFC 2034). The rest of the text
// may quote an address, and goes nowhere.
var enhanced = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)`)

func statusOf(text string) string {
	if m := enhanced.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// detail tells of an error without a word of a server's.
func detail(at step, err error) string {
	var (
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
		host   x509.HostnameError
		dns    *net.DNSError
		op     *net.OpError
	)
	what := "the connection broke"
	switch {
	case errors.As(err, &record):
		what = "the server does not speak TLS at this port; --smtp-tls says how to connect"
	case errors.As(err, &host), errors.As(err, &cert):
		what = "certificate not trusted: " + err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		what = "no answer in time"
	case errors.Is(err, context.Canceled):
		what = "given up"
	case errors.Is(err, errReply):
		what = errReply.Error()
	case errors.As(err, &dns):
		what = "no such host is known: " + dns.Err
	case at == stepConnect && errors.As(err, &op):
		what = op.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		what = "the server hung up"
	}
	return string(at) + ": " + what
}
