package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/internal/child"
)

const (
	// readyTimeout is how long a process may take until it is ready.
	readyTimeout = 60 * time.Second
	// stopTimeout is how long it may take to end after SIGTERM; its own limit,
	// --grace, is 10 s.
	stopTimeout = 30 * time.Second
	// restartPause is how long after its end a process that ended by itself is
	// started again, as by whatever runs it in production.
	restartPause = time.Second
)

// member is one processor or server of an installation. It is started again
// when it ends by itself. Methods are safe for concurrent use.
type member struct {
	name, program string
	args          []string
	url           string // of /readyz
	dir           string // its state folder
	log           string // file
	trouble       func(format string, args ...any)
	fault         sync.Mutex  // held while something is done to it
	outage        atomic.Bool // no broker runs

	mu      sync.Mutex
	life    *life // nil before the first start
	wanted  bool  // it should run
	watches sync.WaitGroup
}

// life is one process of a member.
type life struct {
	process *child.Process
	ready   chan struct{} // closed when it has said so
}

// start starts the member, which must not run.
func (m *member) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = true
	return m.launch()
}

// launch starts a process; mu is held.
func (m *member) launch() error {
	p, err := child.Start(m.log, m.program, m.args...)
	if err != nil {
		return err
	}
	l := &life{process: p, ready: make(chan struct{})}
	m.life = l
	// Both end with the process.
	m.watches.Go(func() { m.watchReady(l) })
	m.watches.Go(func() { m.watchEnd(l) })
	return nil
}

// watchReady asks the process until it is ready.
func (m *member) watchReady(l *life) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx := context.Background() // it ends with the process
	if l.process.Await(ctx, 100*time.Millisecond, func() bool { return child.Answers(ctx, client, m.url+"/readyz") }) == nil {
		close(l.ready)
	}
}

// watchEnd starts the member again if its process ended by itself.
func (m *member) watchEnd(l *life) {
	code := l.process.ExitCode()
	for {
		m.mu.Lock()
		if !m.wanted || m.life != l {
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
		select {
		case <-l.ready:
			m.trouble("%s ended by itself with exit code %d", m.name, code)
		default: // while no broker could be reached, say: not even begun
		}
		pause := time.NewTimer(restartPause)
		<-pause.C
		m.mu.Lock()
		if !m.wanted || m.life != l {
			m.mu.Unlock()
			return
		}
		err := m.launch()
		m.mu.Unlock()
		if err == nil {
			return
		}
		m.trouble("%s: %v", m.name, err)
	}
}

func (m *member) current() *life {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life
}

// unwanted returns the present process, which then may end.
func (m *member) unwanted() *life {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = false
	return m.life
}

func (m *member) kill() error {
	l := m.unwanted()
	if l == nil {
		return nil
	}
	return l.process.Kill()
}

// terminate sends SIGTERM and waits. A process that was ready must end well,
// unless there are no brokers to tell where it stands.
func (m *member) terminate() error {
	outage := m.outage.Load()
	l := m.unwanted()
	if l == nil {
		return nil
	}
	graceful, err := l.process.Stop(stopTimeout)
	if err != nil {
		return err
	}
	ready := false
	select {
	case <-l.ready:
		ready = true
	default:
	}
	switch code := l.process.ExitCode(); {
	case !graceful:
		m.trouble("%s has not ended %v after SIGTERM", m.name, stopTimeout)
	case ready && code != 0 && !outage && !m.outage.Load():
		m.trouble("%s ended with exit code %d after SIGTERM", m.name, code)
	}
	return nil
}

// pause halts the process, unless it is just being started again.
func (m *member) pause() error {
	if err := m.current().process.Pause(); !errors.Is(err, child.ErrGone) {
		return err
	}
	return nil
}

func (m *member) resume() error {
	if err := m.current().process.Resume(); !errors.Is(err, child.ErrGone) {
		return err
	}
	return nil
}

// awaitReady waits until the member, whatever process it has by then, is ready
// after it was started. A ready that comes too late is an error.
func (m *member) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		l := m.current()
		select {
		case <-l.ready:
			return nil
		case <-tick.C: // it may have another process by now
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", m.name, ctx.Err())
		}
	}
}

// end kills the process and waits for all that belongs to it.
func (m *member) end() error {
	err := m.kill()
	m.watches.Wait()
	return err
}

// logTail returns the last lines of the log.
func (m *member) logTail(lines int) string { return child.LogTail(m.log, lines) }
