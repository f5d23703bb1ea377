package kafka

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// outageInterval is how often the log says that brokers still cannot be reached.
const outageInterval = time.Minute

// Outage has the log say once, for all parts of a process, that the brokers cannot
// be reached, then once a minute, and once that all parts have them again. A nil
// Outage says nothing. It is safe for concurrent use.
type Outage struct {
	log *slog.Logger

	mu    sync.Mutex
	away  map[string]bool // by component
	since time.Time
	said  time.Time // when the log said it last; zero: not in this outage
}

// NewOutage returns one that every part reaches its brokers by.
func NewOutage(log *slog.Logger) *Outage { return &Outage{log: log, away: map[string]bool{}} }

// Away notes that a component cannot reach the brokers. It reports false for a nil
// Outage, which logs nothing.
func (o *Outage) Away(component string, cause error) bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if len(o.away) == 0 {
		o.since = now
	}
	o.away[component] = true
	switch {
	case o.said.IsZero():
		o.log.Warn("kafka cannot be reached: tables are served as they were, all else waits and is tried again", "component", component, "err", cause)
	case now.Sub(o.said) >= outageInterval:
		o.log.Warn("kafka can still not be reached", "component", component, "for", now.Sub(o.since).Round(time.Second), "err", cause)
	default:
		o.log.Debug("kafka cannot be reached", "component", component, "err", cause)
		return true
	}
	o.said = now
	return true
}

// Back notes that a component has its brokers again, or has ended.
func (o *Outage) Back(component string) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.away[component] {
		return
	}
	delete(o.away, component)
	if len(o.away) == 0 {
		o.log.Info("kafka answers again", "after", time.Since(o.since).Round(time.Second))
		o.said = time.Time{}
	}
}

// Unreachable reports whether an error is of a connection, or of the time that an
// answer took, and not an answer.
func Unreachable(err error) bool {
	var network net.Error
	var eof *kgo.ErrFirstReadEOF
	switch {
	case err == nil:
		return false
	case errors.As(err, &network), errors.As(err, &eof), errors.Is(err, io.EOF), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, sarama.ErrOutOfBrokers), errors.Is(err, kerr.CoordinatorNotAvailable), errors.Is(err, ErrNoBroker):
		return true
	}
	// goka makes text of some.
	return strings.Contains(err.Error(), sarama.ErrOutOfBrokers.Error())
}
