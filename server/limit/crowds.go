package limit

import (
	"sync"

	"golang.org/x/sync/semaphore"
)

// crowds has turns for each of those who take any, by a name K: as many at a time as it
// was made for. Nothing is kept of one who takes none.
type crowds[K comparable] struct {
	each int64

	mu  sync.Mutex
	all map[K]*crowd
}

// crowd is the turns of one name.
type crowd struct {
	*semaphore.Weighted
	slowed *semaphore.Weighted // has one turn, for those that are slowed down
	pace   *pace
	users  int // that have a turn, wait for one or may want one; guarded by crowds.mu
}

func newCrowds[K comparable](each int64) *crowds[K] {
	return &crowds[K]{each: each, all: map[K]*crowd{}}
}

// join returns the turns of a name, which are kept until part is called as often.
func (c *crowds[K]) join(name K) *crowd {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.all[name]
	if of == nil {
		of = &crowd{Weighted: semaphore.NewWeighted(c.each), slowed: semaphore.NewWeighted(1), pace: newPace()}
		c.all[name] = of
	}
	of.users++
	return of
}

func (c *crowds[K]) part(name K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.all[name]
	if of.users--; of.users == 0 {
		delete(c.all, name)
	}
}
