package notices

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// interval is the time between two lines of one cause; maxCauses is how many causes are
// told apart within it.
const (
	interval  = time.Minute
	maxCauses = 1000
)

// Notices knows what was told lately. It is safe for concurrent use; its zero value is
// ready.
type Notices struct {
	mu     sync.Mutex
	causes map[string]*notice
}

type notice struct {
	at   time.Time // of the last line
	more int       // not told since
}

// Sometimes returns log once a minute for each cause, which the parts name together, and
// how many more there were of it since the last line; nil in between. A text that a
// stranger chooses, such as an id, is no part of a cause.
func (n *Notices) Sometimes(log *slog.Logger, cause ...string) (*slog.Logger, int) {
	more, ok := n.due(strings.Join(cause, "\x00"), time.Now())
	if !ok {
		return nil, 0
	}
	return log, more
}

func (n *Notices) due(cause string, now time.Time) (more int, ok bool) {
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
	if now.Sub(last.at) < interval {
		last.more++
		return 0, false
	}
	more, last.more, last.at = last.more, 0, now
	return more, true
}

// forget removes the causes that may be told again. The lock is held.
func (n *Notices) forget(now time.Time) {
	for cause, last := range n.causes {
		if now.Sub(last.at) >= interval {
			delete(n.causes, cause)
		}
	}
}
