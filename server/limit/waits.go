package limit

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// WaitsPerUser is how many requests of one user may wait at a time: as many as his
// streams' clients could have on their way, three times over.
const WaitsPerUser = 64

// Waits bounds how many requests wait for a change of one user's tables. It is safe
// for concurrent use.
type Waits struct {
	mu    sync.Mutex
	users map[string]int

	refused prometheus.Counter
}

// NewWaits returns Waits with nobody waiting. Its metrics go to reg.
func NewWaits(reg prometheus.Registerer) *Waits {
	return &Waits{
		users: map[string]int{},
		refused: promauto.With(reg).NewCounter(prometheus.CounterOpts{
			Name: "belfry_waits_refused_total",
			Help: "Requests that were answered as after a wait, since too many of their user were waiting already.",
		}),
	}
}

// Enter reports whether one more may wait for user, which lasts until Leave.
func (w *Waits) Enter(user string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.users[user] >= WaitsPerUser {
		w.refused.Inc()
		return false
	}
	w.users[user]++
	return true
}

// Leave ends what Enter has begun.
func (w *Waits) Leave(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.users[user]--; w.users[user] == 0 {
		delete(w.users, user)
	}
}
