package push

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/webpush"
)

// Settings are what a process knows of Web Push. Its server tells pages of them, and its
// sender, if it has one, sends with them.
type Settings struct {
	webpush.Config               // without keys pages cannot subscribe
	Signer         *links.Signer // of links in messages; nil: there are none
	PublicURL      string        // at which users reach the server; "": not known
	Send           bool
}

// Transport pushes to browsers. It is safe for concurrent use.
type Transport struct {
	client *webpush.Client
	hosts  *webpush.Hosts
	signer *links.Signer // nil: no links
	home   string
}

// New returns a transport whose messages carry links of signer, which may be nil. An item
// without a URL opens publicURL, or the root of the page's own origin if that is "".
func New(client *webpush.Client, hosts *webpush.Hosts, signer *links.Signer, publicURL string) *Transport {
	return &Transport{client, hosts, signer, strings.TrimRight(publicURL, "/") + "/"}
}

// budgets are what payloads are cut to, one after the other, while a service finds them
// too large.
func budgets() []int { return []int{webpush.MaxPayload, 2048, 1024, 512} }

// Kind implements senders.Transport.
func (t *Transport) Kind() inbox.EndpointKind { return inbox.EndpointWebPush }

// Contents implements senders.Transport.
func (t *Transport) Contents() int { return 1 }

// Names implements senders.Transport.
func (t *Transport) Names(to *inbox.Address) (origin, service string) {
	return t.hosts.Names(to.Target)
}

// Send implements senders.Transport.
func (t *Transport) Send(ctx context.Context, m *senders.Message, to *inbox.Address) senders.Answer {
	if !to.ExpiresAt.IsZero() && !to.ExpiresAt.After(m.Now) {
		return senders.Answer{Result: senders.Gone, Unasked: true, Detail: "the subscription has expired"}
	}
	subscription, err := webpush.SubscriptionOf(to.Target, to.P256dh, to.Auth)
	if err != nil {
		return senders.Answer{Result: senders.Rejected, Unasked: true, Detail: err.Error()}
	}
	c := newContent(m, t.signer, t.home)
	message := webpush.Message{Topic: c.Notification.Tag, Urgency: urgency(m.Entries), TTL: ttl(m.Entries, m.Now)}
	var said webpush.Answer
	for _, most := range budgets() {
		if message.Payload, err = c.fit(most); err != nil {
			break
		}
		said, err = t.client.Push(ctx, subscription, message)
		if err != nil || said.Status != http.StatusRequestEntityTooLarge {
			break
		}
	}
	switch {
	case errors.Is(err, webpush.ErrForbidden), errors.Is(err, belfry.ErrInvalid):
		return senders.Answer{Result: senders.Rejected, Unasked: said.Status == 0, Detail: err.Error()}
	case err != nil:
		return senders.Answer{Result: senders.Unreachable, Detail: err.Error()}
	}
	return answer(said)
}

// answer is what a status means (RFC 8030, and what services do beyond it).
func answer(said webpush.Answer) senders.Answer {
	out := senders.Answer{Wait: said.RetryAfter, Detail: "status " + strconv.Itoa(said.Status)}
	switch s := said.Status; {
	case s == 0:
		out.Result, out.Detail = senders.Unanswered, "no answer"
	case s/100 == 2:
		out.Result, out.Wait = senders.Accepted, 0
	case s == http.StatusNotFound, s == http.StatusGone:
		out.Result = senders.Gone
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		out.Result = senders.Unauthorized
	case s == http.StatusTooManyRequests, s == http.StatusNotAcceptable: // 406 is how Windows throttles
		out.Result = senders.Limited
	case s == http.StatusRequestTimeout, s/100 == 5:
		out.Result = senders.Unavailable
	default:
		out.Result = senders.Rejected
	}
	return out
}
