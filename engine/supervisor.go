package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/belfry/belfry/engine/kafka"
)

// Phase is what a supervised processor or view is doing.
type Phase string

// The phases.
const (
	Starting   Phase = "starting"   // being built, or waiting for the group
	Waiting    Phase = "waiting"    // for a topic that does not exist
	Recovering Phase = "recovering" // reading its table
	Running    Phase = "running"
	// Reconnecting: a view waits for brokers that do not answer, and is read
	// from as before.
	Reconnecting Phase = "reconnecting"
	Failed       Phase = "failed"  // waiting to be built anew
	Stopped      Phase = "stopped" // for good
)

// Status is the state of a supervised processor or view.
type Status struct {
	Name     string
	Phase    Phase
	Since    time.Time
	Restarts int   // how often it was built anew
	Err      error // why it failed last; nil if it never did
	// Refused are the partitions that a processor has and doesn't read.
	Refused []Refusal
	// Lacks tells what partitions lack that a processor has and processes.
	Lacks []Lack
	// HeldUp are the partitions whose record at hand waits, see [Context.Wait], or
	// takes long.
	HeldUp []HeldUp
	// Skips are the partitions of which records are never processed, since the process
	// began.
	Skips []Skips
	// Recovery is how far reading the table has come; nil unless Phase is
	// Recovering.
	Recovery *Recovery
}

// String is one line for people.
func (s Status) String() string {
	line := fmt.Sprintf("%s %s since %s", s.Name, s.Phase, s.Since.UTC().Format(time.RFC3339))
	if s.Restarts > 0 || s.Err != nil {
		line += fmt.Sprintf(", restarted %d times, last error: %v", s.Restarts, s.Err)
	}
	if s.Recovery != nil {
		line += fmt.Sprintf(", %.0f%%", s.Recovery.Percent())
	}
	for _, r := range s.Refused {
		line += ", refuses " + r.String()
	}
	for _, l := range s.Lacks {
		line += ", " + l.String()
	}
	for _, h := range s.HeldUp {
		line += ", " + h.String()
	}
	return line
}

// settled is how long an attempt must have lived for its failure to count as
// the first of a new series.
const settled = time.Minute

// errGone says that an input topic does not exist, of a group whose topics come
// and go.
var errGone = errors.New("waiting for the topic")

// Supervisor runs something that may fail until it is stopped.
type Supervisor struct {
	Log    *slog.Logger
	outage *kafka.Outage
	mu     sync.Mutex
	status Status
	skips  skips
	// trackers are those of the session; the map is never modified.
	trackers   map[kafka.TopicPartition]*tracker
	recoveries map[kafka.TopicPartition]HeldUp // those that wait

	told   bool      // the log has told of a failure, and not yet that it runs again
	said   string    // the failure that the log told last
	saidAt time.Time // when
	unsaid int       // failures since
}

// failureInterval is how often the log tells of failures for one cause.
const failureInterval = time.Minute

// NewSupervisor returns one that runs nothing yet. Its log is that of cfg, and so is
// its outage, if there is one.
func NewSupervisor(name string, cfg *kafka.Config) *Supervisor {
	s := &Supervisor{
		Log:    cfg.Log().With("component", name),
		outage: cfg.Outage,
		skips:  skips{},
		status: Status{Name: name, Phase: Starting, Since: time.Now()}, recoveries: map[kafka.TopicPartition]HeldUp{},
	}
	if s.outage == nil {
		s.outage = kafka.NewOutage(cfg.Log())
	}
	return s
}

// Run calls attempt again and again until ctx ends, and waits between the
// calls: 0.2 s at first, 10 s at the most, with jitter. It returns nil, or the
// error if that matches ErrFenced.
func (s *Supervisor) Run(ctx context.Context, attempt func(context.Context) error) error {
	defer s.Enter(Stopped)
	defer s.Reached()
	wait := &backoff.ExponentialBackOff{
		InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 10 * time.Second,
	}
	wait.Reset()
	for ctx.Err() == nil {
		s.Enter(Starting)
		began := time.Now()
		err := attempt(ctx)
		if ctx.Err() != nil {
			if err != nil {
				s.Log.Debug("error while stopping", "err", err)
			}
			return nil
		}
		if errors.Is(err, ErrFenced) {
			s.fail(err)
			return err
		}
		if time.Since(began) > settled {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		if errors.Is(err, errGone) {
			s.Enter(Waiting)
			s.Reached()
			s.Log.Info("topic is gone", "err", err)
		} else {
			s.fail(err)
			s.tell(err, time.Since(began), pause)
		}
		Sleep(ctx, pause)
	}
	return nil
}

// tell has the log tell of a failure: at once and then once a minute for each cause,
// and for all components together if the cause is that brokers cannot be reached.
func (s *Supervisor) tell(err error, after, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kafka.Unreachable(err) {
		s.told = true
		s.Unreached(err)
		return
	}
	s.Reached()
	if err.Error() == s.said && time.Since(s.saidAt) < failureInterval {
		s.unsaid++
		s.Log.Debug("failed, starting again", "err", err, "after", after, "pause", pause)
		return
	}
	s.Log.Warn("failed, starting again", "err", err, "after", after.Round(time.Millisecond), "pause", pause.Round(time.Millisecond), "failures_before", s.unsaid)
	s.told, s.said, s.saidAt, s.unsaid = true, err.Error(), time.Now(), 0
}

// Unreached says that brokers cannot be reached, Reached that they can.
func (s *Supervisor) Unreached(cause error) { s.outage.Away(s.status.Name, cause) }
func (s *Supervisor) Reached()              { s.outage.Back(s.status.Name) }

// Enter changes the phase. The log says when what has failed runs again.
func (s *Supervisor) Enter(p Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Phase != p {
		s.status.Phase, s.status.Since = p, time.Now()
	}
	if p != Running {
		return
	}
	s.Reached()
	if s.told {
		s.told = false
		s.Log.Info("runs again", "restarts", s.status.Restarts)
	}
}

func (s *Supervisor) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Phase, s.status.Since, s.status.Err = Failed, time.Now(), err
	s.status.Restarts++
}

func (s *Supervisor) refuse(refusals []Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Refused = refusals
}

// noteSkips counts what the sessions of a processor find; it is as [skips.note].
func (s *Supervisor) noteSkips(claim kafka.TopicPartition, p *kafka.StartPosition) (foreign bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skips.note(claim, p)
}

// Snapshot returns the status as it is now.
func (s *Supervisor) Snapshot() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Skips = s.skips.all()
	status.HeldUp = heldUp(s.trackers, s.recoveries, time.Now())
	return status
}

// recoveryWaits notes that a table is not recovered beyond an offset for now.
func (s *Supervisor) recoveryWaits(table kafka.TopicPartition, offset int64, cause string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.recoveries[table]
	if !ok {
		h.Since = time.Now()
	}
	h.TopicPartition, h.Offset, h.Cause = table, offset, cause
	s.recoveries[table] = h
}

// recovered ends recoveryWaits.
func (s *Supervisor) recovered(table kafka.TopicPartition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.recoveries, table)
}

// follow has the status tell of the partitions of a session.
func (s *Supervisor) follow(trackers map[kafka.TopicPartition]*tracker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trackers = trackers
}
