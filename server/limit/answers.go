package limit

import (
	"errors"
	"math"
	"net/netip"
	"runtime/debug"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// ErrAnswers is matched by the refusal of an answer for which there is no memory.
var ErrAnswers = errors.New("too many answers wait for their client to read them")

const (
	// clientShare is the part of the budget that one client may hold, an address or
	// a token subject, while nobody else holds any.
	clientShare = 8
	// firstBytes is what the first answer of a client may hold until all is full: a badge.
	firstBytes = 32 << 10
	// leastBudget is room for one full page of an inbox for each of its clients.
	leastBudget = clientShare * 16 << 20
	// unlimitedBudget is the budget of a process whose memory nobody has limited.
	unlimitedBudget = 256 << 20
)

// AnswersBudget returns how many bytes the answers in flight may hold: an eighth of
// the memory limit of the process (GOMEMLIMIT), at least 128 MiB.
func AnswersBudget() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return unlimitedBudget
	}
	return max(limit/8, leastBudget)
}

// Answers bounds the bytes of answers in flight, those that are being written and
// that their clients have not read yet, in all and by client, which is an address (an IPv6
// /64 is one) and a token subject: over HTTP/2 one connection can ask for hundreds and read
// none. A client may hold a part of what is free (dynamic thresholds: Choudhury and Hahne,
// 1998), and the last eighth is for those who hold nothing else. It is safe for concurrent
// use.
type Answers struct {
	total int64

	mu      sync.Mutex
	held    int64
	clients map[string]int64

	refused prometheus.Counter
}

// NewAnswers returns a bound of so many bytes in all, of which one client alone may hold
// an eighth. Its metrics go to reg.
func NewAnswers(total int64, reg prometheus.Registerer) *Answers {
	a := &Answers{total: total, clients: map[string]int64{}}
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "belfry_answers_in_flight_bytes",
		Help: "Memory of answers that their clients have not read yet, as it is counted for the limit; of streams what they have of it over HTTP/2 or TLS.",
	}, func() float64 { return float64(a.Held()) })
	a.refused = f.NewCounter(prometheus.CounterOpts{
		Name: "belfry_answers_refused_total",
		Help: "Requests refused, and events of streams that wait, since answers in flight held all the memory that they may, in all or of one client.",
	})
	return a
}

// Held is how many bytes are held now.
func (a *Answers) Held() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held
}

// Hold is what one answer holds, or what a stream has not written yet. One goroutine at a
// time may use it.
type Hold struct {
	answers *Answers
	clients []string
	bytes   int64 // guarded by answers.mu
}

// NewHold returns a hold of nothing for an answer to the address.
func (a *Answers) NewHold(address netip.Addr) *Hold {
	return &Hold{answers: a, clients: []string{"address " + householdOf(address).String()}}
}

// For has what h holds count for the token subject too, unless that is "", or returns
// ErrAnswers. It is called once.
func (h *Hold) For(subject string) error {
	if subject == "" {
		return nil
	}
	a, client := h.answers, "subject "+subject
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.full(client, 0, h.bytes) {
		a.refused.Inc()
		return ErrAnswers
	}
	h.clients = append(h.clients, client)
	if h.bytes > 0 {
		a.clients[client] += h.bytes
	}
	return nil
}

// Grow adds n bytes to what h holds, or returns ErrAnswers and adds nothing. The first
// answer of a client is not too large for it while a quarter of all is left.
func (h *Hold) Grow(n int64) error {
	a := h.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	refuse := a.held+n > a.total
	for _, client := range h.clients {
		refuse = refuse || a.full(client, h.bytes, n)
	}
	if refuse {
		a.refused.Inc()
		return ErrAnswers
	}
	a.add(h, n)
	return nil
}

// full reports whether n bytes are too much for a client, with a.mu held, of which
// the answer itself holds some.
func (a *Answers) full(client string, held, n int64) bool {
	const reserve = clientShare // the part of all that is for first answers
	switch holds := a.clients[client]; {
	case holds > held:
		return holds+n > (a.total-a.total/reserve-a.held)/(clientShare-2) // an eighth for who is alone
	case holds+n > firstBytes:
		return a.held+n > a.total-a.total/4
	}
	return false
}

// Release ends the hold. More calls of it change nothing.
func (h *Hold) Release() {
	a := h.answers
	a.mu.Lock()
	defer a.mu.Unlock()
	a.add(h, -h.bytes)
}

// add changes what h holds, with a.mu held.
func (a *Answers) add(h *Hold, n int64) {
	h.bytes += n
	a.held += n
	for _, client := range h.clients {
		if a.clients[client] += n; a.clients[client] <= 0 {
			delete(a.clients, client)
		}
	}
}
