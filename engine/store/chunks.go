package store

import "sync"

// chunkBytes is how much a bulk takes at a time.
const chunkBytes = 64 << 10

// chunks are those that no bulk of a store has at the moment.
type chunks struct {
	mu   sync.Mutex
	free [][]byte
}

// take returns an empty one with room for n bytes.
func (c *chunks) take(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.free) - 1
	if n > chunkBytes || last < 0 {
		return make([]byte, 0, max(n, chunkBytes))
	}
	chunk := c.free[last]
	c.free[last] = nil
	c.free = c.free[:last]
	return chunk
}

// give takes back chunks that nobody reads any more.
func (c *chunks) give(back [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, chunk := range back {
		if cap(chunk) == chunkBytes {
			c.free = append(c.free, chunk[:0])
		}
	}
}

// forget lets the memory go.
func (c *chunks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = nil
}
