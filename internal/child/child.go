// Package child runs programs that must not outlive the one that started them:
// the brokers of tests, the processes of the chaos suite. On Linux the kernel
// kills them with their parent, however that ends; elsewhere a parent that is
// killed leaves them behind. It works on Unix only.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// ErrGone is returned by [Process.Pause] and [Process.Resume] for a process
// that has ended.
var ErrGone = errors.New("it doesn't run")

// Process is a running child. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child is gone
}

// Start starts the program with its output at the end of the file log. The
// child has a process group of its own, so that it is signalled whole and a
// Ctrl-C leaves its end to the caller, who must see to it that it ends.
func Start(log string, program string, args ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", program, err)
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes()
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	// The child dies with the thread that started it: this goroutine keeps the
	// thread until the child has gone, and ends then.
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ExitCode tells how it ended
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

// PID is the child's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the child is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Gone reports whether the child is gone.
func (p *Process) Gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ExitCode waits until the child is gone and returns its exit code, -1 if a
// signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends to the whole process group; one that is gone is no error.
func (p *Process) Signal(s syscall.Signal) error {
	if p.Gone() {
		return nil
	}
	if err := syscall.Kill(-p.PID(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process group %d: %w", s, p.PID(), err)
	}
	return nil
}

// Pause halts the child (SIGSTOP): it keeps its connections and does nothing
// until Resume.
func (p *Process) Pause() error {
	if p.Gone() {
		return ErrGone
	}
	return p.Signal(syscall.SIGSTOP)
}

// Resume lets a paused child go on.
func (p *Process) Resume() error {
	if p.Gone() {
		return ErrGone
	}
	return p.Signal(syscall.SIGCONT)
}

// Stop sends SIGTERM, wakes the child if it is paused, and kills it if it isn't
// gone after the grace period. It reports whether the child went by itself.
func (p *Process) Stop(grace time.Duration) (bool, error) {
	if err := errors.Join(p.Signal(syscall.SIGTERM), p.Signal(syscall.SIGCONT)); err != nil {
		return false, err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return true, nil
	case <-timer.C:
		return false, p.Kill()
	}
}

// Kill sends SIGKILL and waits until the child is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
