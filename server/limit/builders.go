package limit

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
)

// ErrBuilders is matched by the refusal of a list whose turn did not come in time.
var ErrBuilders = errors.New("too many lists are being put together")

// Builders bounds how many answers are put together at a time, in all and by client:
// contents are read and encoded by it, an item at a time. Who is beyond waits for his
// turn, behind his own first, so that a client that asks for many keeps nobody else
// waiting. It is safe for concurrent use.
type Builders struct {
	all       *semaphore.Weighted
	perClient int64

	mu      sync.Mutex
	clients map[string]*queue
}

// queue is the turns of one client.
type queue struct {
	turns *semaphore.Weighted
	users int // that have one or wait for it; guarded by Builders.mu
}

// NewBuilders returns Builders for as many answers as there are processors, twice
// over, and at least four: reading waits for a disk now and then. One client has turns on
// half of the processors, so that the others are free for everybody else.
func NewBuilders() *Builders {
	processors := int64(runtime.GOMAXPROCS(0))
	return &Builders{all: semaphore.NewWeighted(max(4, 2*processors)), perClient: max(1, processors/2), clients: map[string]*queue{}}
}

// Enter waits for a turn of client, which lasts until leave is called. It returns
// ErrBuilders when ctx ends first.
func (b *Builders) Enter(ctx context.Context, client string) (leave func(), err error) {
	own := b.join(client)
	if own.turns.Acquire(ctx, 1) != nil {
		b.part(client, own)
		return nil, ErrBuilders
	}
	if b.all.Acquire(ctx, 1) != nil {
		own.turns.Release(1)
		b.part(client, own)
		return nil, ErrBuilders
	}
	return func() {
		b.all.Release(1)
		own.turns.Release(1)
		b.part(client, own)
	}, nil
}

func (b *Builders) join(client string) *queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.clients[client]
	if q == nil {
		q = &queue{turns: semaphore.NewWeighted(b.perClient)}
		b.clients[client] = q
	}
	q.users++
	return q
}

func (b *Builders) part(client string, q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(b.clients, client)
	}
}
