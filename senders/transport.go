package senders

import (
	"context"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// Transport brings messages to endpoints of one kind. It is safe for concurrent use.
type Transport interface {
	Kind() inbox.EndpointKind
	// Contents is of how many items, the newest, a message needs the contents.
	Contents() int
	// Names returns who is asked for an endpoint: an origin that is down for one endpoint
	// is down for all. Its service is told in logs and metrics: it must hold no more of an
	// endpoint than its host, and there must be few.
	Names(to *inbox.Address) (origin, service string)
	// Send sends m to an endpoint and returns what became of it. It returns when ctx ends.
	Send(ctx context.Context, m *Message, to *inbox.Address) Answer
}

// Opener opens what a process sends with.
type Opener struct {
	// Open returns a transport whose messages ask for the channels of now; close is to be
	// called in the end.
	Open func(policy func() *reach.Policy) (t Transport, close func(), err error)
	// Lacks is what its messages lack, told at start; "": nothing.
	Lacks string
}

// Relay is a [Transport] whose messages all go through one server, as mails do. While it
// does not work, decisions wait for it: nobody would get through who decides anew.
type Relay interface {
	Transport
	// Server names it in logs and metrics.
	Server() string
	// Connections is how many messages may be under way to it at a time, 1 or more.
	Connections() int
	// Patience is for how long a message may be under way.
	Patience() time.Duration
}

// Message is what a decision tells a user.
type Message struct {
	User     string
	Channel  string
	Decision uint64
	Row      *inbox.State // at or above Decision
	Prefs    reach.Prefs
	// Entries are what is to be told, the newest first, and Items the contents of the
	// first of them, as many as the transport needs.
	Entries []*inbox.Entry
	Items   []inbox.Item
	Now     time.Time // when Row was read
}

// Answer is what became of a message at an endpoint.
type Answer struct {
	Result Result
	// Unasked says that the transport has decided so without a request: it tells of the
	// endpoint or the message, and nothing of the origin.
	Unasked bool
	// Wait is how long the endpoint's origin wants to be left alone, or the endpoint alone
	// if it is Deferred or Rejected; 0: it did not say.
	Wait time.Duration
	// Detail is for the log: a status, an error. It must hold no more of an endpoint than
	// its host.
	Detail string
}

// Result is what an [Answer] means for the decision.
type Result string

// The results. A message that went out whole counts as sent, whether it was answered
// or not.
const (
	Accepted     Result = "accepted"     // it was taken
	Unanswered   Result = "unanswered"   // it went out whole, and no answer came
	Gone         Result = "gone"         // the endpoint is no more
	Limited      Result = "limited"      // not now: this endpoint, or this sender, has sent too much
	Deferred     Result = "deferred"     // not now, and this endpoint alone: its box is full
	Unavailable  Result = "unavailable"  // not now: the service does not work
	Unreachable  Result = "unreachable"  // no message went out whole
	Unauthorized Result = "unauthorized" // the service does not let this sender in, at a relay for any endpoint
	Rejected     Result = "rejected"     // the service does not take the message, or the endpoint is not sent to
)
