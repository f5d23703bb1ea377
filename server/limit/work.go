package limit

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sync/semaphore"

	"github.com/belfry/belfry/internal/cpus"
)

// ErrWork is matched by the refusal of a list or a call whose turn did not come in time.
var ErrWork = errors.New("too many lists are being put together and large calls read")

// Work bounds how much of what takes long is done at a time, in all, by address and by
// client: lists are put together, large calls are read. Who is beyond waits for his turn,
// behind his own first, so that a client that asks for much, or many at one address, keep
// nobody else waiting. It is safe for concurrent use.
type Work struct {
	all       *semaphore.Weighted
	addresses *crowds[netip.Prefix]
	clients   *crowds[string]
}

// NewWork returns Work for as many calls as there are processors, twice over, and at least
// four: reading waits for a disk now and then. One client, and one address, has turns on
// half of the processors, so that the others are free for everybody else.
func NewWork() *Work {
	processors := int64(cpus.Count())
	half := max(1, processors/2)
	return &Work{all: semaphore.NewWeighted(max(4, 2*processors)), addresses: newCrowds[netip.Prefix](half), clients: newCrowds[string](half)}
}

// Enter waits for a turn of client, who is at address (an IPv6 /64 is one); it lasts until
// leave is called. The zero Addr is nobody's, and has no bound. It returns ErrWork when ctx
// ends first.
func (w *Work) Enter(ctx context.Context, client string, address netip.Addr) (leave func(), err error) {
	household := householdOf(address)
	own, house := w.clients.join(client), w.addresses.join(household)
	taken := []*semaphore.Weighted{own.Weighted, house.Weighted, w.all}
	if !address.IsValid() {
		taken = slices.Delete(taken, 1, 2)
	}
	leave = func() {
		for _, turns := range slices.Backward(taken) {
			turns.Release(1)
		}
		w.addresses.part(household)
		w.clients.part(client)
	}
	for i, turns := range taken {
		if turns.Acquire(ctx, 1) != nil {
			taken = taken[:i]
			leave()
			return nil, ErrWork
		}
	}
	return leave, nil
}
