package mail

import (
	"sync"
	"time"
)

const (
	// keepIdle is how long a session waits for the next message: servers end one after a
	// minute or some.
	keepIdle = 30 * time.Second
	// perSession is how many messages a session carries: some servers take no more.
	perSession = 100
)

// pool has the sessions that nothing is sent on. It is safe for concurrent use.
type pool struct {
	mu     sync.Mutex
	idle   []*idle // the one used last at the end
	closed bool
}

type idle struct {
	*session
	timer *time.Timer
}

// get returns the session that was used last, nil for none.
func (p *pool) get() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	i := p.idle[n-1]
	p.idle = p.idle[:n-1]
	i.timer.Stop()
	return i.session
}

// put keeps a session for the next message.
func (p *pool) put(s *session) {
	p.mu.Lock()
	closed := p.closed || s.sent >= perSession
	if !closed {
		i := &idle{session: s}
		i.timer = time.AfterFunc(keepIdle, func() { p.drop(i) })
		p.idle = append(p.idle, i)
	}
	p.mu.Unlock()
	if closed {
		s.close(true)
	}
}

// drop ends a session that has been idle for too long.
func (p *pool) drop(i *idle) {
	p.mu.Lock()
	found := false
	for j := range p.idle {
		if p.idle[j] == i {
			p.idle = append(p.idle[:j], p.idle[j+1:]...)
			found = true
			break
		}
	}
	p.mu.Unlock()
	if found {
		i.close(true)
	}
}

// close ends all that are idle, and those that come back.
func (p *pool) close() {
	p.mu.Lock()
	all := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var ended sync.WaitGroup
	for _, i := range all {
		i.timer.Stop()
		ended.Go(func() { i.session.close(true) })
	}
	ended.Wait()
}
