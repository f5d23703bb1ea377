package programtest

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/parts"
)

// Patience is how long a condition may take on a busy machine.
const Patience = await.Patience

// Run runs the program to its end and returns its stdout.
func Run(t *testing.T, binary string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(binary), strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// Heavily runs, as Run does, what takes a processor for seconds, when it is its
// turn.
func Heavily(t *testing.T, program string, args ...string) string {
	t.Helper()
	end, err := parts.Heavy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	return Run(t, program, args...)
}

// Process is the program as a child process, killed with the test at the
// latest.
type Process struct {
	T      *testing.T
	Name   string
	Binary string
	args   []string
	URL    string // of its HTTP address

	mu     sync.Mutex
	cmd    *exec.Cmd
	Stdout Tail
	Stderr Tail
	exited chan struct{}
}

// Start starts a program as a process named name in messages; it is killed when the
// test ends.
func Start(t *testing.T, name, binary string, args ...string) *Process {
	t.Helper()
	p := &Process{T: t, Name: name, Binary: binary, args: args}
	p.Restart()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s:\n%s%s", name, p.Stdout.String(), p.Stderr.String())
		}
	})
	return p
}

// Restart starts the process again with the same arguments. It may be called
// from any goroutine.
func (p *Process) Restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(p.Binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.Stdout, &p.Stderr
	p.exited = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		p.T.Errorf("start %s: %v", p.Name, err)
		close(p.exited)
		return
	}
	go func(cmd *exec.Cmd, exited chan struct{}) { // ends with the process, which kill waits for
		defer close(exited)
		_ = cmd.Wait() // awaitExit looks at the state
	}(p.cmd, p.exited)
}

// Current returns the process of now and what is closed when it has ended.
func (p *Process) Current() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.exited
}

// Signal sends s to the process.
func (p *Process) Signal(s os.Signal) {
	cmd, _ := p.Current()
	if err := cmd.Process.Signal(s); err != nil {
		p.T.Errorf("signal %s: %v", p.Name, err)
	}
}

// AwaitExit waits for the process to end with that code.
func (p *Process) AwaitExit(code int) {
	cmd, exited := p.Current()
	select {
	case <-exited:
		if got := cmd.ProcessState.ExitCode(); got != code {
			p.T.Errorf("%s ended with %d, want %d", p.Name, got, code)
		}
	case <-time.After(Patience):
		p.T.Errorf("%s has not ended %v after it was told to", p.Name, Patience)
	}
}

// Kill ends the process with SIGKILL and waits for it.
func (p *Process) Kill() {
	cmd, exited := p.Current()
	if cmd.Process != nil {
		_ = cmd.Process.Kill() // it may have ended
	}
	<-exited
}

// AwaitReady waits until /readyz of the process answers 200.
func (p *Process) AwaitReady() {
	p.T.Helper()
	await.Eventually(p.T, await.Patience, func() string { return p.Name + " is not ready:\n" + p.Stderr.String() }, func() bool {
		response, err := http.Get(p.URL + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// Tail keeps the last of what is written to it.
type Tail struct {
	mu   sync.Mutex
	data []byte
}

const tailBytes = 16 << 10

// Write implements io.Writer.
func (w *Tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data = append(w.data, p...)
	if over := len(w.data) - tailBytes; over > 0 {
		w.data = w.data[over:]
	}
	return len(p), nil
}

// String returns what is kept.
func (w *Tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.data)
}
