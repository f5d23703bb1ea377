package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/mail/letter"
)

// Transport mails to users. It is safe for concurrent use; whoever uses it keeps to as many
// messages at a time as it has Connections.
type Transport struct {
	Config
	letters *letter.Writer
	from    string // of the envelope
	domain  string // of From
	name    string
	pool    pool
	working atomic.Int32 // which of Servers let us in last
}

var _ senders.Relay = (*Transport)(nil)

// New returns a transport of letters; close it in the end.
func New(c Config, letters *letter.Writer) (*Transport, error) {
	c.Connections = cmp.Or(c.Connections, DefaultConnections)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.Hello = cmp.Or(c.Hello, "localhost")
	if len(c.Servers) == 0 {
		return nil, errors.New("mail: no server")
	}
	if c.User != "" && c.TLS == Plain {
		return nil, errors.New("mail: a login needs an encrypted connection")
	}
	from, wide, err := ascii(c.From.Address)
	if err == nil && wide {
		err = errors.New("it has letters beyond ASCII before its @, which not every server takes")
	}
	if err != nil {
		return nil, fmt.Errorf("mail: the sender's address: %w", err)
	}
	t := &Transport{Config: c, letters: letters, from: from.String()}
	t.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	var hosts []string
	for _, s := range c.Servers {
		host, _, err := net.SplitHostPort(s)
		if err != nil {
			return nil, fmt.Errorf("mail: server: %w", err)
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	t.name = strings.Join(hosts, ",")
	return t, nil
}

// Close ends the connections that are idle, and the others once they are.
func (t *Transport) Close() { t.pool.close() }

// Kind implements senders.Transport.
func (t *Transport) Kind() inbox.EndpointKind { return inbox.EndpointMail }

// Contents implements senders.Transport.
func (t *Transport) Contents() int { return letter.Newest }

// Names implements senders.Transport.
func (t *Transport) Names(*inbox.Address) (origin, service string) { return t.name, t.name }

// Server implements senders.Relay: the hosts of all servers.
func (t *Transport) Server() string { return t.name }

// Connections implements senders.Relay.
func (t *Transport) Connections() int { return t.Config.Connections }

// Patience implements senders.Relay.
func (t *Transport) Patience() time.Duration { return answerSteps * t.Timeout }

// Send implements senders.Transport.
func (t *Transport) Send(ctx context.Context, m *senders.Message, to *inbox.Address) senders.Answer {
	mail, err := t.compose(m, to.Target)
	if err != nil {
		return senders.Answer{Result: senders.Rejected, Unasked: true, Wait: againRefused, Detail: err.Error()}
	}
	for {
		s := t.pool.get()
		if s == nil {
			var at step
			if s, at, err = t.dial(ctx); err != nil {
				return answer(at, err)
			}
		}
		if takes, _ := s.client.Extension("SMTPUTF8"); mail.utf8 && !takes {
			t.pool.put(s)
			return senders.Answer{Result: senders.Rejected, Unasked: true, Wait: againRefused, Detail: "the mail server takes no address with letters beyond ASCII before its @ (SMTPUTF8)"}
		}
		at, err := s.send(ctx, t.Timeout, mail)
		stale := s.used && at == stepFrom && err != nil && ctx.Err() == nil
		t.release(s, err)
		if stale && hungUp(err) {
			continue // it was ended while it was idle
		}
		return answer(at, err)
	}
}

// hungUp reports whether a server ended a session rather than answer.
func hungUp(err error) bool {
	var said *textproto.Error
	return !errors.As(err, &said) || said.Code == 421
}

// release keeps the session for the next message if it is good for one.
func (t *Transport) release(s *session, err error) {
	s.sent++
	s.used = true
	var said *textproto.Error
	switch {
	case err == nil:
	case errors.As(err, &said) && said.Code != 421:
		// The server may hold half a message.
		s.conn.within(context.Background(), time.Second)
		if s.client.Reset() != nil {
			s.close(false)
			return
		}
	default:
		s.close(false)
		return
	}
	t.pool.put(s)
}
