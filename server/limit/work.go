package limit

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/semaphore"
)

// ErrWork is matched by the refusal of a list or a call whose turn did not come in time.
var ErrWork = errors.New("too many lists are being put together and large calls read")

// Work bounds how much of what takes long is done at a time, in all and by client: lists
// are put together, large calls are read. Who is beyond waits for his turn, behind his own
// first, so that a client that asks for much keeps nobody else waiting. It is safe for
// concurrent use.
type Work struct {
	all     *semaphore.Weighted
	clients *crowds[string]
}

// NewWork returns Work for as many calls as there are processors, twice over, and at least four: reading waits for a disk now and then. One client has turns on
// half of the processors, so that the others are free for everybody else.
func NewWork() *Work {
	processors := int64(runtime.GOMAXPROCS(0))
	return &Work{all: semaphore.NewWeighted(max(4, 2*processors)), clients: newCrowds[string](max(1, processors/2))}
}

// Enter waits for a turn of client, which lasts until leave is called. It returns
// ErrWork when ctx ends first.
func (w *Work) Enter(ctx context.Context, client string) (leave func(), err error) {
	own := w.clients.join(client)
	if own.Acquire(ctx, 1) != nil {
		w.clients.part(client)
		return nil, ErrWork
	}
	if w.all.Acquire(ctx, 1) != nil {
		own.Release(1)
		w.clients.part(client)
		return nil, ErrWork
	}
	return func() {
		w.all.Release(1)
		own.Release(1)
		w.clients.part(client)
	}, nil
}
