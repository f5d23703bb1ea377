package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/child"
)

const (
	// readyTimeout is how long a process may take until it is ready.
	readyTimeout = 2 * time.Minute
	// stopTimeout is how long it may take to end after SIGTERM.
	stopTimeout = 30 * time.Second
	// restartPause is how long after its end a process that ended by itself is
	// started again, as by whatever runs it in production.
	restartPause = time.Second
	// readyPoll is how often a process is asked whether it is ready, and so the
	// error of a measured start.
	readyPoll = 5 * time.Millisecond
)

// member is one process of an installation. One that ends by itself is started
// again. Its methods are for one goroutine.
type member struct {
	name string
	path string
	args []string
	url  string // of /readyz and /metrics
	dir  string // its state folder
	log  string // file

	mu      sync.Mutex
	process *child.Process // nil before the first start
	wanted  bool           // it should run
	ends    int            // how often it ended by itself
	watch   sync.WaitGroup
}

// start starts the member, which must not run, with the state it has.
func (m *member) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = true
	return m.launch()
}

// launch starts a process; mu is held.
func (m *member) launch() error {
	p, err := child.Start(m.log, m.path, m.args...)
	if err != nil {
		return err
	}
	m.process = p
	m.watch.Go(func() { m.watchEnd(p) }) // ends with the process
	return nil
}

// watchEnd starts the member again if its process ended by itself.
func (m *member) watchEnd(p *child.Process) {
	<-p.Done()
	unasked := func() bool { return m.wanted && m.process == p }
	m.mu.Lock()
	if !unasked() {
		m.mu.Unlock()
		return
	}
	m.ends++
	m.mu.Unlock()
	pause := time.NewTimer(restartPause)
	defer pause.Stop()
	<-pause.C
	m.mu.Lock()
	defer m.mu.Unlock()
	if unasked() {
		// A program that can't be started any more is not ready either, and
		// that is what will be told.
		_ = m.launch()
	}
}

// unwanted returns the present process, which then may end.
func (m *member) unwanted() *child.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = false
	return m.process
}

// kill sends SIGKILL and waits.
func (m *member) kill() error {
	p := m.unwanted()
	if p == nil {
		return nil
	}
	return p.Kill()
}

// terminate sends SIGTERM and waits.
func (m *member) terminate() error {
	p := m.unwanted()
	if p == nil {
		return nil
	}
	_, err := p.Stop(stopTimeout)
	return err
}

// endings is how often the member ended by itself.
func (m *member) endings() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ends
}

// awaitReady waits until /readyz says so.
func (m *member) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: anyCertificate()}}
	if err := child.Await(ctx, readyPoll, func() bool { return child.Answers(ctx, client, m.url+"/readyz") }); err != nil {
		return fmt.Errorf("%s is not ready: %w; the end of its log:\n%s", m.name, err, m.logTail(8))
	}
	return nil
}

// end kills the process and waits for all that belongs to it.
func (m *member) end() error {
	err := m.kill()
	m.watch.Wait()
	return err
}

// logTail returns the last lines of the log.
func (m *member) logTail(lines int) string { return child.LogTail(m.log, lines) }

// footprint measures the present process of m.
func (m *member) footprint() (child.Footprint, error) {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	return child.FootprintOf(p.PID())
}
