package outreach

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/recent"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/webpush"
)

// Settings are those of an installation. A field that is nil or empty is not to be had.
type Settings struct {
	// Policy returns the channels that there are, which an operator may change at any
	// time; nil is none. It is safe for concurrent use.
	Policy func() *reach.Policy
	// PushHosts are the push services that browsers may subscribe with; nil is those of
	// [webpush.KnownHosts].
	PushHosts *webpush.Hosts
	// PushKey is the public VAPID key (RFC 8292) in base64url, with which browsers
	// subscribe.
	PushKey string
	// Links reads the links of messages; with nil there are none.
	Links *links.Signer
}

// Config is what a server gives. All of it is required but what Settings may lack.
type Config struct {
	Settings
	// Registry takes the metrics.
	Registry prometheus.Registerer
	// Row is the user's newest row, and Asked the one that the call's min_version asks for.
	Row   func(user string) (inbox.State, error)
	Asked func(r *http.Request, user string) (inbox.State, error)
	// Await calls look until it reports true or an error, after each change of what is
	// known of the user.
	Await func(ctx context.Context, user string, look func() (bool, error)) error
	// Behind is the error of Await for what was not there in time.
	Behind error
	// Item and Endpoint are contents, and false for what is not there, or not yet.
	Item     func(user string, seq uint64) (inbox.Item, bool, error)
	Endpoint func(user string, seq uint64) (inbox.Address, bool, error)
	// Command appends a record of a user and returns the row once that shows it, or, if
	// that takes longer, the row as it is and false.
	Command func(ctx context.Context, user string, record inbox.Record) (row inbox.State, shown bool, err error)
	// ReadBody returns the body of a request, which is at most that many bytes.
	ReadBody func(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error)
}

// These say what a server or a user has no more room for, or lacks.
var (
	ErrRegistrations = errors.New("too many new endpoints of one user")
	ErrNoKey         = errors.New("the server has no VAPID key, so browsers cannot subscribe: run it with --vapid-key-file")
	ErrNothing       = errors.New("nothing is left to tell: it was seen or read, or has gone, or the decision is not one of this user and channel")
	ErrReturned      = errors.New("the decision is past its time, or its user has other preferences since: it is made anew, and comes under another number")
	ErrNotYet        = errors.New("the table has not come to this decision yet, after 2 s: ask again, if a record of the outbound topic has this number for this user, as the key is written there; else it never comes")
	ErrNoLink        = errors.New("there is no such link, or it has ended")
	ErrLinks         = errors.New("too much is done by links of one user")
)

const (
	// A browser registers once, and again after some weeks; a test suite more often.
	registrationRate  = 1.0 / 30 // a second, of one user
	registrationBurst = 30
	// A link comes with a message and needs no token: a person clicks some boxes of its page,
	// and mail programs ask once a message.
	linkRate  = 1.0 / 2 // a second, of what links of one user write
	linkBurst = 60
	// maxSpent bounds how many spent links are remembered, in each of two generations.
	maxSpent = 1 << 15
)

// Calls answers calls about reaching users. It is safe for concurrent use.
type Calls struct {
	config              Config
	browsers, addresses *limit.Calls // new ones, by user
	links               *limit.Calls // those that write, by user
	bounces             *door.Bounces
	unsubscribed        *prometheus.CounterVec // by channel

	mu    sync.Mutex
	spent *recent.Map[string, struct{}] // tokens of links that act once
}

// New returns the calls of a server.
func New(config Config) (*Calls, error) {
	if config.Policy == nil {
		config.Policy = func() *reach.Policy { return nil }
	}
	if config.PushHosts == nil {
		known, err := webpush.NewHosts()
		if err != nil {
			return nil, err
		}
		config.PushHosts = known
	}
	bounces, err := door.NewBounces(config.Registry)
	if err != nil {
		return nil, err
	}
	allowance := limit.NewAllowance(registrationRate, registrationBurst)
	clicks := limit.NewAllowance(linkRate, linkBurst)
	return &Calls{
		links:  limit.NewCalls(ErrLinks, clicks, clicks),
		config: config, browsers: limit.NewCalls(ErrRegistrations, allowance, allowance), addresses: limit.NewCalls(ErrRegistrations, allowance, allowance),
		bounces: bounces, spent: recent.New[string, struct{}](maxSpent),
		unsubscribed: promauto.With(config.Registry).NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_unsubscribed_total", Help: "Channels, or categories of one, that users have left by a link in a message, in one click or on its page, by channel.",
		}, []string{"channel"}),
	}, nil
}

// register counts a new endpoint of a user. Browsers are its user's to add, addresses a
// service's: neither takes from the other.
func (c *Calls) register(user string, kind inbox.EndpointKind) error {
	of := c.addresses
	if kind == inbox.EndpointWebPush {
		of = c.browsers
	}
	return of.Take(user, false, 1, time.Now())
}

// GetPushKey answers GET /v1/push-key: what a page subscribes with.
func (c *Calls) GetPushKey(w http.ResponseWriter, _ *http.Request, _ auth.Call) error {
	if c.config.PushKey == "" {
		return ErrNoKey
	}
	wire.Respond(w, http.StatusOK, struct {
		Key string `json:"key"`
	}{c.config.PushKey})
	return nil
}
