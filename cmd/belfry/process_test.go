package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/kafkatest"
)

// patience is how long a condition may take on a busy machine.
const patience = 40 * time.Second

// run runs the program to its end and returns its stdout.
func run(t *testing.T, binary string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("belfry %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// freeAddr returns a loopback address that nobody listened on a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// process is the program as a child process, killed with the test at the
// latest.
type process struct {
	t      *testing.T
	name   string
	binary string
	args   []string
	url    string // of its HTTP address

	mu     sync.Mutex
	cmd    *exec.Cmd
	stdout tail
	stderr tail
	exited chan struct{}
}

func startProcess(t *testing.T, name, binary string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, binary: binary, args: args}
	p.restart()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s:\n%s%s", name, p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// restart starts the process again with the same arguments. It may be called
// from any goroutine.
func (p *process) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(p.binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.exited = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		p.t.Errorf("start %s: %v", p.name, err)
		close(p.exited)
		return
	}
	go func(cmd *exec.Cmd, exited chan struct{}) { // ends with the process, which kill waits for
		defer close(exited)
		_ = cmd.Wait() // awaitExit looks at the state
	}(p.cmd, p.exited)
}

func (p *process) current() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.exited
}

func (p *process) signal(s os.Signal) {
	cmd, _ := p.current()
	if err := cmd.Process.Signal(s); err != nil {
		p.t.Errorf("signal %s: %v", p.name, err)
	}
}

// awaitExit waits for the process to end with that code.
func (p *process) awaitExit(code int) {
	cmd, exited := p.current()
	select {
	case <-exited:
		if got := cmd.ProcessState.ExitCode(); got != code {
			p.t.Errorf("%s ended with %d, want %d", p.name, got, code)
		}
	case <-time.After(30 * time.Second):
		p.t.Errorf("%s has not ended 30 s after it was told to", p.name)
	}
}

func (p *process) kill() {
	cmd, exited := p.current()
	if cmd.Process != nil {
		_ = cmd.Process.Kill() // it may have ended
	}
	<-exited
}

func (p *process) awaitReady() {
	p.t.Helper()
	kafkatest.Eventually(p.t, time.Minute, func() string { return p.name + " is not ready:\n" + p.stderr.String() }, func() bool {
		response, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailBytes = 16 << 10

// Write implements io.Writer.
func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data = append(w.data, p...)
	if over := len(w.data) - tailBytes; over > 0 {
		w.data = w.data[over:]
	}
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.data)
}
