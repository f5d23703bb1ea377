package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a running child with its output in a file.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child is gone
}

// launch starts the command with its output at the end of the file log.
func launch(log string, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = group()
	p := &process{cmd: cmd, done: make(chan struct{})}
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
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// signal sends to the whole process group; one that is gone is no error.
func (p *process) signal(s syscall.Signal) error {
	if p.gone() {
		return nil
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process group %d: %w", s, p.cmd.Process.Pid, err)
	}
	return nil
}

func (p *process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop sends SIGTERM, wakes the child if it is paused, and kills it if it isn't
// gone after the grace period. It reports whether the child went by itself.
func (p *process) stop(grace time.Duration) (bool, error) {
	if err := errors.Join(p.signal(syscall.SIGTERM), p.signal(syscall.SIGCONT)); err != nil {
		return false, err
	}
	select {
	case <-p.done:
		return true, nil
	case <-time.After(grace):
		return false, p.kill()
	}
}

// kill sends SIGKILL and waits.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}
