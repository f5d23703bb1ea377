package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// Operations is what the ops page shows besides what a Server knows by itself.
// Of what is nil the page says that it is not to be had here.
type Operations struct {
	Installation Installation
	Journals     Journals
	Letters      Letters
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
	// Rebalances are those that this process has seen lately, the newest
	// first.
	Rebalances() []Rebalance
}

// Journals folds users' journals again.
type Journals interface {
	// Refold reads the user's journal from its oldest record on, which may
	// take long. Row is the user's row, read before.
	Refold(ctx context.Context, user string, row inbox.State, q JournalQuery) (*inbox.Refold, error)
}

// JournalQuery says what to keep of a refold.
type JournalQuery struct {
	Since time.Time // of the oldest step
	Most  int       // steps, the newest
	Texts bool      // whether to keep titles
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
	Refused  []string       `json:"refused,omitempty"`
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
	errNoPart = errors.New("this server is not set up to tell that")
	errBusy   = errors.New("others are reading journals at the moment: try again in a moment")
)

// operations registers what the ops page asks for.
func (s *Server) operations(m *mux.Router) {
	const base = "/v1/ops"
	ops := auth.Scoped(auth.ScopeOps)
	s.get(m, base+"/overview", ops, s.getOverview)
	s.overviewStream(m, base+"/stream")
	s.get(m, base+"/users/{user:[^/]*}", ops, s.getLookup)
	s.get(m, base+"/users/{user:[^/]*}/journal", ops, s.getJournal)
	s.get(m, base+"/dead-letters", ops, s.getLetters)
	s.get(m, base+"/dead-letters/{partition:[0-9]+}/{offset:[0-9]+}", ops, s.getLetter)
	s.post(m, base+"/dead-letters/replay", ops, s.postReplay)
}

// tellOfTexts leaves a trace of somebody having been shown what is people's own.
// Whose it is, is told by a hash: logs name no users.
func (s *Server) tellOfTexts(c auth.Call, what, of string, texts int) {
	sum := sha256.Sum256([]byte(of))
	s.log.Info("contents shown to an operator", "operator", c.Identity.Source(), "what", what, "of_sha256", hex.EncodeToString(sum[:8]), "texts", texts)
}
