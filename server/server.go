package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/broadcast"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/listen"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/server/outreach"
	"github.com/belfry/belfry/server/stream"
)

// Limits bounds what one request may cost. Zero fields take the defaults.
type Limits struct {
	// Append is how long to wait for the broker's acknowledgement; the default
	// is DefaultAppend.
	Append time.Duration
	// Request is how long a client may take to send a body, and after that to
	// read the answer; the default is DefaultRequest. Streams have their own.
	Request time.Duration
	// WriteRate is how many calls that write the bearer of one token subject may
	// make a second, and WriteBurst how many at once; the defaults are
	// DefaultWriteRate and DefaultWriteBurst, in place of which a service (scope
	// belfry:notify or belfry:admin) has ServiceWriteRate and ServiceWriteBurst. Any
	// other number holds for people and services alike; a negative rate is no limit.
	// Without authentication there is none.
	WriteRate  float64
	WriteBurst int
	// ListRate is how many lists the bearer of one token subject may ask for a second,
	// and ListBurst how many at once; an export counts as ten. The defaults are
	// DefaultListRate and DefaultListBurst; otherwise they are as WriteRate and
	// WriteBurst, with ServiceListRate and ServiceListBurst.
	ListRate  float64
	ListBurst int
	// Connections is how many connections a server holds at most, besides
	// streams that it has taken out of net/http: those have limits of their own.
	// The default is DefaultConnections.
	Connections int
	// PerAddress is how many connections one address (of IPv6: one /64) may have,
	// unless it is a trusted proxy's; the default is DefaultPerAddress.
	PerAddress int
	// SilentPerAddress is how many connections one address may have that have not
	// sent a request yet; the default is DefaultSilentPerAddress.
	SilentPerAddress int
	// AnswerBytes is how many bytes answers may hold that their clients have not
	// read yet; one address may hold an eighth. The default is what
	// [limit.AnswersBudget] says.
	AnswerBytes int64
	// Descriptors is how many the process may have. A quarter of them, at most
	// reservedDescriptors, are kept for files, Kafka and operators, and no address
	// gets more than half of the rest. The default is what the system says.
	Descriptors int
}

// Defaults of Limits and Config.
const (
	DefaultAppend       = 30 * time.Second // a dead broker of three holds acks back for up to 15 s
	DefaultRequest      = time.Minute
	DefaultPollInterval = 30 * time.Second
	DefaultTokenTrust   = time.Minute

	DefaultWriteRate  = 200
	DefaultWriteBurst = 400
	// serviceShare is how much more a service may do than a person. So many calls with
	// one notification each take a sixth of a core of the server (BenchmarkPost: 31 µs),
	// and net/http about as much again.
	serviceShare      = 25
	ServiceWriteRate  = serviceShare * DefaultWriteRate
	ServiceWriteBurst = serviceShare * DefaultWriteBurst

	// A list of 20 items takes 0.1 ms of a core, one of 100 full items 30.
	DefaultListRate  = 20
	DefaultListBurst = 200
	ServiceListRate  = serviceShare * DefaultListRate
	ServiceListBurst = serviceShare * DefaultListBurst

	// Opening a stream takes 0.1 ms of a core. At once a person may open all that a user
	// may have, and have them end and open them again, a service all that a server has.
	openRate        = 2
	openBurst       = 3 // times Streams.PerUser
	serviceOpenRate = 500

	DefaultConnections      = 60_000
	DefaultPerAddress       = 10_000
	DefaultSilentPerAddress = 1000

	reservedDescriptors = 1024
)

// Config is what a Server is made of. Rows, Items, Journal and Auth are
// required.
type Config struct {
	Rows    Rows
	Items   Items
	Journal Journal
	Auth    auth.Authenticator
	// Features are the capabilities that are open: calls of others are answered 501.
	Features inbox.Features
	// Reach is what users who do not look can be reached by.
	Reach outreach.Settings
	// Boards are where notices to everybody and to topics stand; nil: none are taken.
	Boards broadcast.Boards
	// UserTopics are the names of topics that users may subscribe to themselves.
	UserTopics []string
	// Epochs tells a cursor of a log that is gone from one of the future; nil
	// takes all for cursors of the future.
	Epochs Epochs

	// DrainNotice is how long Serve goes on as before after it was told to stop,
	// except that /readyz says that it drains: so a load balancer that probes it sends nobody here
	// when the streams' clients are told to go elsewhere and connections are
	// refused. It is at most a quarter of Serve's grace.
	DrainNotice time.Duration
	// Readiness tells what /readyz depends on; nil is always ready.
	Readiness func() []Condition
	// LagMetrics serves /metrics/lag; nil makes it not found.
	LagMetrics http.Handler
	// Operations is what the ops page shows, as far as a server does not know it
	// by itself.
	Operations ops.Config
	// Registry takes the package's metrics and is what /metrics serves; nil is
	// a new one. Two Servers cannot share it: their metrics have equal names.
	Registry *prometheus.Registry
	// MetricsOnAPI serves /metrics and /metrics/lag beside the API as well,
	// for scope belfry:ops.
	MetricsOnAPI bool
	// Pages serves "/" and whatever it needs; nil serves none.
	Pages http.Handler
	// TicketSecret is what stream tickets are signed with; all servers need the
	// same. The default is derived from Auth's secret: a server that has none of
	// the two gives no tickets.
	TicketSecret []byte
	// CORSOrigins are the origins, such as https://intranet.example, whose pages
	// may call the API besides its own; see CheckOrigin.
	CORSOrigins []string

	// Tracing records traces; nil records none.
	Tracing *Tracing
	// TrustTraceparent has calls belong to the traces that their callers name, and be
	// recorded where these are; otherwise they are linked to them.
	TrustTraceparent bool

	// Logger takes what an operator must know; nil discards it.
	Logger *slog.Logger
	Limits Limits
	// Streams bounds the open streams.
	Streams stream.Limits
	// BroadcastWakes is how many users a second are looked at for a notice at the most; 0 for
	// stream.DefaultWakes.
	BroadcastWakes int
	// Certificate is what Serve uses for TLS; nil serves without.
	Certificate *listen.Certificate
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// PollInterval is how often clients may ask for the badge when there is
	// nothing else to do; the default is DefaultPollInterval.
	PollInterval time.Duration
	// TokenTrust is how long a token whose signature was found good is believed
	// without another look, never beyond its own end; the default is
	// DefaultTokenTrust, and less than 0 looks each time.
	TokenTrust time.Duration
}

// Server answers the HTTP API. It is safe for concurrent use.
type Server struct {
	config   Config
	log      *slog.Logger
	metrics  *metrics
	streams  *stream.Hub
	handler  http.Handler
	metered  http.Handler // what MetricsHandler returns
	load     *limit.Load
	draining atomic.Bool

	guard       *auth.Guard
	writes      *limit.Calls
	lists       *limit.Calls // and exports
	openings    *limit.Calls // of streams
	work        *limit.Work
	connections *limit.Connections
	turns       *limit.Turns
	answers     *limit.Answers
	waits       *limit.Waits
	stall       time.Duration // what a client may take for a piece of an answer; defaultStall but in tests
	pollLimit   *limit.Polls
	logs        *logs
	ops         *ops.Calls
	outreach    *outreach.Calls
	broadcasts  *broadcast.Calls
}

// New returns a Server, or an error that names what is missing in config.
func New(config Config) (*Server, error) {
	switch {
	case config.Rows == nil:
		return nil, errors.New("server: Rows is required")
	case config.Items == nil:
		return nil, errors.New("server: Items is required")
	case config.Journal == nil:
		return nil, errors.New("server: Journal is required")
	case config.Auth == nil:
		return nil, errors.New("server: Auth is required")
	}
	config.setDefaults()
	s := &Server{
		config:    config,
		log:       config.Logger.With("component", "server"),
		metrics:   newMetrics(config.Registry),
		load:      limit.NewLoad(nil),
		pollLimit: limit.NewPolls(),
		logs:      &logs{rows: config.Rows, epochs: config.Epochs, log: config.Logger},
		stall:     defaultStall,
	}
	streams := stream.Config{
		Rows: config.Rows, Items: config.Items, Limits: config.Streams, Gone: s.logs.gone, Logger: s.log, Registerer: config.Registry,
		Wakes: config.BroadcastWakes,
		Hold:  func(address netip.Addr) stream.Hold { return s.answers.NewHold(address) },
	}
	if config.Tracing != nil {
		streams.Pushed = config.Tracing.pushed
	}
	s.streams = stream.New(streams)
	s.ops = ops.New(s.operations())
	l := &config.Limits
	s.writes = newCalls(limit.ErrWrites, l.WriteRate, l.WriteBurst, DefaultWriteRate, DefaultWriteBurst)
	s.lists = newCalls(limit.ErrLists, l.ListRate, l.ListBurst, DefaultListRate, DefaultListBurst)
	s.openings = newOpenings(s.streams.Limits())
	s.work = limit.NewWork()
	s.answers = limit.NewAnswers(config.Limits.AnswerBytes, config.Registry)
	s.waits = limit.NewWaits(config.Registry)
	s.connections = limit.NewConnections(s.connectionBounds(), config.Registry)
	s.turns = limit.NewTurns(s.trusted, config.Registry)
	var err error
	if s.guard, err = auth.NewGuard(config.Auth, config.TicketSecret, config.TokenTrust, s.log); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.guard.OnWithdrawn(s.streams.EndWithdrawn)
	if s.outreach, err = outreach.New(s.reaching()); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.broadcasts = broadcast.New(s.broadcasting())
	api := mux.NewRouter()
	s.routes(api)
	if s.handler, err = s.middleware(api); err != nil {
		return nil, err
	}
	metered := mux.NewRouter()
	s.opsRoutes(metered)
	s.metered = metered
	return s, nil
}

// connectionBounds are those of the Limits as far as the process has descriptors for
// them. It warns where it has not.
func (s *Server) connectionBounds() limit.Bounds {
	l := s.config.Limits
	free := l.Descriptors - min(l.Descriptors/4, reservedDescriptors)
	if promised := l.Connections + s.streams.Limits().Total; promised > free {
		s.log.Warn("fewer files may be open than the limits promise, connections beyond are refused: raise ulimit -n (LimitNOFILE of systemd) or lower --max-connections and --max-streams",
			"descriptors", l.Descriptors, "for_connections", free, "promised", promised)
	}
	return limit.Bounds{
		Total: l.Connections, Descriptors: free,
		PerAddress: min(l.PerAddress, max(free/2, 1)), SilentPerAddress: l.SilentPerAddress,
		Shared: s.trusted, Hijacked: s.streams.Hijacked, Reap: s.streams.Reap,
	}
}

// newCalls returns the limits of people and of services, which have more unless another
// number is given.
func newCalls(of error, rate float64, burst int, defaultRate float64, defaultBurst int) *limit.Calls {
	people := limit.NewAllowance(rate, burst)
	if rate == defaultRate {
		rate *= serviceShare
	}
	if burst == defaultBurst {
		burst *= serviceShare
	}
	return limit.NewCalls(of, people, limit.NewAllowance(rate, burst))
}

// newOpenings returns how often a token subject may open a stream.
func newOpenings(l stream.Limits) *limit.Calls {
	people := limit.NewAllowance(openRate, openBurst*cmp.Or(max(l.PerUser, 0), stream.DefaultTotal))
	return limit.NewCalls(limit.ErrOpening, people, limit.NewAllowance(serviceOpenRate, cmp.Or(max(l.Total, 0), stream.DefaultTotal)))
}

// isService reports whether the caller has the limits of services.
func isService(id auth.Identity) bool { return id.Has(auth.ScopeNotify) || id.Has(auth.ScopeAdmin) }

// operations completes what the ops page is read from.
func (s *Server) operations() ops.Config {
	c := s.config.Operations
	c.Row, c.Stored, c.Item, c.Logger = s.config.Rows.Row, s.config.Rows.Stored, s.config.Items.Item, s.log
	c.Ready, c.Streams = s.ready, s.streams.Count
	c.ReadBody = func(w http.ResponseWriter, r *http.Request) ([]byte, error) { return s.readBody(w, r, maxBodyBytes) }
	c.Traffic = ops.Traffic{Requests: s.metrics.requests, InFlight: s.metrics.inFlight, Polls: s.metrics.polls}
	c.Traffic.Streams, c.Traffic.Events = s.streams.Counted()
	return c
}

// reaching is what calls about users who do not look are answered with.
func (s *Server) reaching() outreach.Config {
	c := s.config
	return outreach.Config{
		Settings: c.Reach, Registry: c.Registry, Row: c.Rows.Row, Asked: s.awaitAsked, Item: c.Items.Item, Endpoint: c.Items.Endpoint, Command: s.command, Behind: errBehind,
		Await: func(ctx context.Context, user string, look func() (bool, error)) error {
			return s.await(ctx, user, look, c.Rows, c.Items)
		},
		ReadBody: s.readBody,
	}
}

// broadcasting is what calls about notices and topics are answered with.
func (s *Server) broadcasting() broadcast.Config {
	c := s.config
	return broadcast.Config{
		Boards: c.Boards, UserTopics: c.UserTopics, Row: c.Rows.Row, Asked: s.awaitAsked, Item: c.Items.Item, Command: s.command,
		Await: func(ctx context.Context, key string, look func() (bool, error)) error {
			return s.await(ctx, key, look, c.Rows)
		},
		Respond: func(w http.ResponseWriter, user string, row *inbox.State, shown bool) {
			respondCommand(w, user, row, shown, http.StatusOK)
		},
		Logger: s.log,
	}
}

// setDefaults decides what 0 stands for; a negative number stays what it is where
// the field's comment gives it a meaning, and is as good as 0 elsewhere.
func (c *Config) setDefaults() {
	c.Registry = cmp.Or(c.Registry, prometheus.NewRegistry())
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.PollInterval = cmp.Or(max(c.PollInterval, 0), DefaultPollInterval)
	c.TokenTrust = cmp.Or(c.TokenTrust, DefaultTokenTrust)
	l := &c.Limits
	l.Append = cmp.Or(max(l.Append, 0), DefaultAppend)
	l.Request = cmp.Or(max(l.Request, 0), DefaultRequest)
	l.WriteRate = cmp.Or(l.WriteRate, DefaultWriteRate)
	l.WriteBurst = cmp.Or(max(l.WriteBurst, 0), DefaultWriteBurst)
	l.ListRate = cmp.Or(l.ListRate, DefaultListRate)
	l.ListBurst = cmp.Or(max(l.ListBurst, 0), DefaultListBurst)
	l.Connections = cmp.Or(max(l.Connections, 0), DefaultConnections)
	l.PerAddress = cmp.Or(max(l.PerAddress, 0), DefaultPerAddress)
	l.SilentPerAddress = cmp.Or(max(l.SilentPerAddress, 0), DefaultSilentPerAddress)
	l.AnswerBytes = cmp.Or(max(l.AnswerBytes, 0), limit.AnswersBudget())
	l.Descriptors = cmp.Or(max(l.Descriptors, 0), limit.Descriptors())
}

// Handler returns the API, its pages and its health. It needs no Serve.
func (s *Server) Handler() http.Handler { return s.handler }

// MetricsHandler returns /metrics, /metrics/lag, /healthz and /readyz, open to
// all: for an address that only operators reach.
func (s *Server) MetricsHandler() http.Handler { return s.metered }

// Ops returns what [Server.MetricsHandler] does, for a process without a
// Server: /metrics, /metrics/lag, /healthz and /readyz, open to all. Of config
// only Registry, which is required, Readiness, LagMetrics and Logger count.
func Ops(config Config) http.Handler {
	config.setDefaults()
	s := &Server{
		config: config, log: config.Logger.With("component", "ops"), metrics: newMetrics(config.Registry), load: limit.NewLoad(nil),
		answers: limit.NewAnswers(config.Limits.AnswerBytes, config.Registry), stall: defaultStall,
	}
	m := mux.NewRouter()
	s.opsRoutes(m)
	return m
}
