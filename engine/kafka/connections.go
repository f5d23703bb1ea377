package kafka

import (
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// connections knows for how long a client has had none to any broker: that tells
// brokers that are gone from those that are slow to acknowledge.
type connections struct {
	mu   sync.Mutex
	open int
	none time.Time // since when there has been none
}

var (
	_ kgo.HookBrokerConnect    = (*connections)(nil)
	_ kgo.HookBrokerDisconnect = (*connections)(nil)
)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (c *connections) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
}

// OnBrokerDisconnect implements kgo.HookBrokerDisconnect.
func (c *connections) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open--; c.open == 0 {
		c.none = time.Now()
	}
}

// away is how long there has been no connection, counted from since at the
// earliest; 0 while there is one.
func (c *connections) away(since time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open > 0 {
		return 0
	}
	if c.none.After(since) {
		since = c.none
	}
	return time.Since(since)
}
