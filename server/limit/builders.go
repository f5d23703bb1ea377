package limit

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// ErrBuilders is matched by the refusal of a list whose turn did not come in time.
var ErrBuilders = errors.New("too many lists are being put together")

// Builders bounds how many answers are put together at a time, in all and by client:
// contents are read and encoded by it, an item at a time. Who is beyond waits for his
// turn, behind his own first, so that a client that asks for many keeps nobody else
// waiting. It is safe for concurrent use.
type Builders struct {
	all     *semaphore.Weighted
	clients *crowds[string]
}

// NewBuilders returns Builders for as many answers as there are processors, twice
// over, and at least four: reading waits for a disk now and then. One client has turns on
// half of the processors, so that the others are free for everybody else.
func NewBuilders() *Builders {
	processors := int64(runtime.GOMAXPROCS(0))
	return &Builders{all: semaphore.NewWeighted(max(4, 2*processors)), clients: newCrowds[string](max(1, processors/2))}
}

// Enter waits for a turn of client, which lasts until leave is called. It returns
// ErrBuilders when ctx ends first.
func (b *Builders) Enter(ctx context.Context, client string) (leave func(), err error) {
	own := b.clients.join(client)
	if own.Acquire(ctx, 1) != nil {
		b.clients.part(client)
		return nil, ErrBuilders
	}
	if b.all.Acquire(ctx, 1) != nil {
		own.Release(1)
		b.clients.part(client)
		return nil, ErrBuilders
	}
	return func() {
		b.all.Release(1)
		own.Release(1)
		b.clients.part(client)
	}, nil
}
