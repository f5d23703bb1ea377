package ops

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what the ops page shows and what it is read from. A server fills in
// the fields from Row on. Of what is nil of Installation, Journals, Letters
// and Topics the page says that it is not to be had here.
type Config struct {
	Installation Installation
	Journals     Journals
	Letters      Letters
	Topics       Topics
	// Every is how often viewers are sent an overview; the default is
	// DefaultEvery.
	Every time.Duration

	// Row, Stored and Item read the tables, as the server's do.
	Row     func(user string) (inbox.State, error)
	Stored  func(user string) (inbox.State, error)
	Item    func(user string, seq uint64) (inbox.Item, bool, error)
	Traffic Traffic
	Streams func(user string) int // open ones
	Ready   func() bool
	Logger  *slog.Logger
	// ReadBody returns the body of a request that is not too large.
	ReadBody func(http.ResponseWriter, *http.Request) ([]byte, error)
}

// DefaultEvery is how often viewers of the ops page are sent what there is.
const DefaultEvery = 1500 * time.Millisecond

// Traffic is what a server counts of its clients, from its start on.
type Traffic struct {
	Streams  prometheus.Collector // open
	Requests prometheus.Collector
	InFlight prometheus.Collector
	Polls    prometheus.Collector // by code
	Events   prometheus.Collector // sent to streams, by kind
}

// Calls answers what the ops page asks for. It is safe for concurrent use.
type Calls struct {
	config    Config
	overviews *overviews
	journals  chan struct{} // one for each journal that is being read
	topics    chan struct{} // one for each question about topics
}

// New returns the calls of a server.
func New(config Config) *Calls {
	config.Every = cmp.Or(max(config.Every, 0), DefaultEvery)
	c := &Calls{config: config, journals: make(chan struct{}, journalsAtOnce), topics: make(chan struct{}, topicsAtOnce)}
	c.overviews = newOverviews(config.Every, c.overview)
	return c
}

// Installation tells of the groups, and of the processors and views of this
// process. Its methods are called once a second or so while somebody looks,
// must not wait for Kafka, and are safe for concurrent use.
type Installation interface {
	// Lag is how far behind all groups are, as collected last.
	Lag() lag.Report
	// Workers are the processors and views of this process.
	Workers() []Worker
	// Flows tells what reads and writes which topics, in the order in which
	// records go.
	Flows() []Flow
	// Rebalances are those that the processors of this process have seen lately,
	// the newest first.
	Rebalances() []Rebalance
	// Pending counts the dead letters of the installation that no replay has
	// marked.
	Pending() Pending
	// Drift is by how many unread items recounted badges were wrong.
	Drift() int
	// Timers are those of the partitions that are folded in this process; false if
	// none are.
	Timers() (Timers, bool)
	// ClockSkew is by how much this process's clock is ahead of a broker's, below 0
	// behind it; false if that is not known yet.
	ClockSkew() (time.Duration, bool)
	// Channels are what was told on each, as this process has seen it, by name; none where
	// nobody is told here.
	Channels() []Channel
}

// Channel is what was told on a channel, and what was not by why; all but Held rise from
// the start of the process.
type Channel struct {
	Name       string `json:"name"`
	Dispatched int64  `json:"dispatched"` // decisions of the partitions folded here
	// Held are users of those partitions who wait, by what for.
	Held map[string]int64 `json:"held"`
	Sent int64            `json:"sent"` // decisions, by the senders here
	// Returned are decisions that are made anew: late, no-endpoint or failed.
	Returned map[string]int64 `json:"returned"`
	// Suppressed is what nobody is told: a decision of which nothing is left, and
	// endpoints and channels that went: gone, hard, soft, complaint, unsubscribed.
	Suppressed map[string]int64 `json:"suppressed"`
	// Failed are tries of the senders here, by the answer, and decisions that were given up.
	Failed map[string]int64 `json:"failed"`
}

// Timers are the times that rows name, at which they are written again.
type Timers struct {
	Pending int   `json:"pending"` // wait for their time or their turn
	Fired   int64 `json:"fired"`
	Again   int64 `json:"again"` // fired again, since the first time has not settled the row
	// LateSeconds is for how long the oldest is overdue.
	LateSeconds float64 `json:"late_seconds"`
}

// Pending is how many dead letters no replay has marked.
type Pending struct {
	deadletter.Pending
	Error string // why the count is not that of now; empty if it is
}

// Journals folds users' journals again.
type Journals interface {
	// Refold reads the user's journal from its oldest record on, which may
	// take long. Row is the user's row, read before.
	Refold(ctx context.Context, user string, row inbox.State, q inbox.RefoldQuery) (*inbox.Refold, error)
}

// The phases of a Worker, and states of a group.
const (
	stateStarting    = "starting"
	stateRecovering  = "recovering"
	stateRunning     = "running"
	stateRebalancing = "rebalancing"
	stateWaiting     = "waiting"
	stateFailed      = "failed"
	stateStopped     = "stopped"
	stateUnknown     = "unknown"
)

// Worker is a processor or a view of this process.
type Worker struct {
	Kind string `json:"kind"` // processor or view
	// Name is that of a processor's group, or of a view's topic.
	Name string `json:"name"`
	// Phase is starting, recovering, running, reconnecting, waiting (for a topic
	// that does not exist), failed or stopped.
	Phase    string    `json:"phase"`
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	Error    string    `json:"error,omitempty"` // of the last failure
	// Refused are the partitions that it has and does not read, for people.
	Refused []string `json:"refused,omitempty"`
	// Lacks tells what partitions lack that it processes, for people.
	Lacks    []string       `json:"lacks,omitempty"`
	Progress *wire.Progress `json:"progress,omitempty"` // nil unless recovering
	// Waiting tells what partitions wait for that is not there for now.
	Waiting []string `json:"waiting,omitempty"`
	Lag     int64    `json:"lag"` // records, of a view
}

// Flow is what reads and writes topics.
type Flow struct {
	Name string // of a group, or of what is none
	// Kind is group, or server for what belongs to every server.
	Kind string
	// Inputs and Outputs are topics. Of the outputs Tables are tables.
	Inputs, Outputs, Tables []string
}

// Rebalance is a change of which partitions of a group this process has.
type Rebalance struct {
	At     time.Time `json:"at"`
	Group  string    `json:"group"`
	Before int       `json:"before"` // partitions
	After  int       `json:"after"`
	// PauseSeconds is how long the group's partitions here stood still; 0 for
	// the first of a process.
	PauseSeconds float64 `json:"pause_seconds"`
}

var (
	// ErrNoPart is returned for what this server is not set up to show.
	ErrNoPart = errors.New("this server is not set up to tell that")
	// ErrNoLag is returned where lag is not collected.
	ErrNoLag = errors.New("lag figures are not available on this server")
	// ErrBusy is returned while as many journals are read as may be.
	ErrBusy = errors.New("others are reading journals at the moment: try again in a moment")
)

// tellOfTexts logs that an operator was shown what is people's own.
func (s *Calls) tellOfTexts(c auth.Call, what, of string, texts int) {
	s.config.Logger.Info("contents shown to an operator", "operator", c.Identity.Source(), "what", what, "of_sha256", wire.Hashed(of), "texts", texts)
}
