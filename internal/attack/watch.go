package attack

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/child"
)

// watch looks at a process ten times a second and kills it when it takes more memory
// than it may, as a container's limit does.
type watch struct {
	name    string // of the process
	process *child.Process
	memory  int64
	stopped chan struct{}
	done    chan struct{}

	mu       sync.Mutex
	peak     int64
	files    int
	cpu, was time.Duration
	began    time.Time
	ended    string
}

func newWatch(name string, p *child.Process, memory int64) *watch {
	w := &watch{name: name, process: p, memory: memory, stopped: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *watch) run() {
	defer close(w.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look()
		case <-w.process.Done():
			w.mu.Lock()
			if w.ended == "" {
				w.ended = fmt.Sprintf("by itself, exit code %d", w.process.ExitCode())
			}
			w.mu.Unlock()
			return
		case <-w.stopped:
			return
		}
	}
}

func (w *watch) look() {
	now, err := child.FootprintOf(w.process.PID())
	if err != nil {
		return // it has gone
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.process.PID()))
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peak, w.files, w.cpu = max(w.peak, now.Resident), max(w.files, len(open)), now.CPU
	if now.Resident > w.memory && w.ended == "" {
		w.ended = fmt.Sprintf("over %d MiB", w.memory>>20)
		_ = w.process.Kill()
	}
}

// usage is what a process took, at its highest but for cores, which are of all the time.
type usage struct {
	name  string
	peak  int64 // bytes
	cores float64
	files int
	ended string // how the process ended; "" if it runs
}

// begin forgets what was before.
func (w *watch) begin() {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peak, w.files, w.was, w.began = 0, 0, w.cpu, time.Now()
}

// end returns what there was since begin.
func (w *watch) end() usage {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	return usage{w.name, w.peak, float64(w.cpu-w.was) / float64(time.Since(w.began)), w.files, w.ended}
}

func (w *watch) stop() {
	close(w.stopped)
	<-w.done
}
