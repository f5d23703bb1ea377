package demo

import (
	"context"
	_ "embed"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/mail/letter"
	"github.com/belfry/belfry/webpush"
)

// mailsPath is where the demo shows what it has mailed.
const mailsPath = "/demo/mails"

const (
	// keptMails are those that the demo goes on showing.
	keptMails = 50
	// firstDigest is how long after the start the first digest comes, a minute more at the
	// most: until then there is something to read.
	firstDigest = 30 * time.Second
)

// mailed is a mail that would have gone out.
type mailed struct {
	ID                int
	To, Subject, HTML string
	At                time.Time
}

// mailbox is the demo's mail server: it keeps mails, for a page that shows them. It is safe
// for concurrent use.
type mailbox struct {
	letters *letter.Writer // set before anything is sent

	mu   sync.Mutex
	kept []mailed // the newest last
	last int      // ID
}

var _ senders.Transport = (*mailbox)(nil)

// mails is what the demo mails with; its links begin with base, and are signed as those of
// pushes are.
func (b *mailbox) mails(base string, keys *webpush.Keys) (*senders.Opener, error) {
	secret, err := keys.PEM()
	if err != nil {
		return nil, err
	}
	signer, err := links.NewSigner(secret, base)
	if err != nil {
		return nil, err
	}
	templates, err := letter.Load("")
	if err != nil {
		return nil, err
	}
	return &senders.Opener{Open: func(policy func() *reach.Policy) (senders.Transport, func(), error) {
		b.letters = letter.New(templates, letter.Config{
			Content: letter.Full, Language: "en", Name: "Belfry demo", Domain: "demo.example", PublicURL: base, Links: signer, Policy: policy,
		})
		return b, func() {}, nil
	}}, nil
}

// Kind implements senders.Transport.
func (b *mailbox) Kind() inbox.EndpointKind { return inbox.EndpointMail }

// Contents implements senders.Transport.
func (b *mailbox) Contents() int { return letter.Newest }

// Names implements senders.Transport.
func (b *mailbox) Names(*inbox.Address) (origin, service string) { return "demo", "demo" }

// Send implements senders.Transport.
func (b *mailbox) Send(_ context.Context, m *senders.Message, _ *inbox.Address) senders.Answer {
	l, err := b.letters.Write(m)
	if err != nil {
		return senders.Answer{Result: senders.Rejected, Unasked: true, Detail: err.Error()}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	b.kept = append(b.kept, mailed{b.last, m.User, l.Subject, l.HTML, m.Now})
	b.kept = b.kept[max(0, len(b.kept)-keptMails):]
	return senders.Answer{Result: senders.Accepted}
}

//go:embed mails.html
var mailsText string

var mailsPage = template.Must(template.New("mails").Parse(mailsText))

// list shows what was mailed, the newest first.
func (b *mailbox) list(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	kept := slices.Clone(b.kept)
	b.mu.Unlock()
	slices.Reverse(kept)
	mailHeaders(w, "'self'")
	_ = mailsPage.Execute(w, kept) // an error is that of a client that has gone
}

// show shows one mail as it is: what it may load is what mail programs let it.
func (b *mailbox) show(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	b.mu.Lock()
	i := slices.IndexFunc(b.kept, func(m mailed) bool { return m.ID == id })
	var text string
	if i >= 0 {
		text = b.kept[i].HTML
	}
	b.mu.Unlock()
	if err != nil || i < 0 {
		http.NotFound(w, r)
		return
	}
	mailHeaders(w, "'unsafe-inline'")
	_, _ = io.WriteString(w, text) // likewise
}

func mailHeaders(w http.ResponseWriter, styles string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styles+"; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// digestHour is the hour of a digest, in UTC, whose moments for most of the demo's people
// are soon.
func digestHour(now time.Time) reach.Clock {
	at := now.Add(firstDigest + time.Minute - reach.Spread(users()[1].ID)).UTC() // the first of them
	return reach.Clock(at.Hour()*60 + at.Minute())
}
