package processors

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// noticeInterval is the time between two lines of one cause; maxCauses is how many
// causes are told apart within it.
const (
	noticeInterval = time.Minute
	maxCauses      = 1000
)

// notices knows what was told lately. It is safe for concurrent use; its zero value
// is ready.
type notices struct {
	mu     sync.Mutex
	causes map[string]*notice
}

type notice struct {
	at   time.Time // of the last line
	more int       // not told since
}

// sometimes returns a logger once a minute for each cause, which the parts name
// together, and how many more there were of it since the last line; nil in between.
// A text that a sender chooses, such as an id, is no part of a cause.
func (d *Deps) sometimes(cause ...string) (log *slog.Logger, more int) {
	more, ok := d.Metrics.notices.due(strings.Join(cause, "\x00"), time.Now())
	if !ok {
		return nil, 0
	}
	if d.Log == nil {
		return slog.Default(), more
	}
	return d.Log, more
}

func (n *notices) due(cause string, now time.Time) (more int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := n.causes[cause]
	if last == nil {
		if len(n.causes) >= maxCauses {
			n.forget(now)
		}
		if n.causes == nil {
			n.causes = map[string]*notice{}
		}
		if len(n.causes) >= maxCauses {
			return 0, false
		}
		n.causes[cause] = &notice{at: now}
		return 0, true
	}
	if now.Sub(last.at) < noticeInterval {
		last.more++
		return 0, false
	}
	more, last.more, last.at = last.more, 0, now
	return more, true
}

// forget removes the causes that may be told again. The lock is held.
func (n *notices) forget(now time.Time) {
	for cause, last := range n.causes {
		if now.Sub(last.at) >= noticeInterval {
			delete(n.causes, cause)
		}
	}
}
