package child_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/child"
)

const patience = 3 * time.Minute

func start(t *testing.T, script string) (p *child.Process, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	p, err := child.Start(log, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p, log
}

// awaitText waits until the log holds text and returns all of it.
func awaitText(t *testing.T, log, text string) string {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := os.ReadFile(log)
		if err == nil && strings.Contains(string(got), text) {
			return string(got)
		}
		if time.Now().After(deadline) {
			t.Fatalf("log holds %q, %v, want %q", got, err, text)
		}
		<-tick.C
	}
}

func TestExitCodes(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   int
	}{
		"success": {"exit 0", 0},
		"failure": {"exit 3", 3},
		"signal":  {"kill -9 $$", -1},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := start(t, tt.script)
			if got := p.ExitCode(); got != tt.want || !p.Gone() {
				t.Errorf("ended with %d, gone %t, want %d", got, p.Gone(), tt.want)
			}
		})
	}
}

func TestStopLetsGoAndThenKills(t *testing.T) {
	p, log := start(t, `trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done`)
	awaitText(t, log, "up")
	if graceful, err := p.Stop(patience); !graceful || err != nil || p.ExitCode() != 7 {
		t.Errorf("stop: %t, %v, exit code %d", graceful, err, p.ExitCode())
	}
	p, log = start(t, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
	awaitText(t, log, "up")
	if graceful, err := p.Stop(time.Millisecond); graceful || err != nil || p.ExitCode() != -1 {
		t.Errorf("stop of one that won't: %t, %v, exit code %d", graceful, err, p.ExitCode())
	}
	if err := errors.Join(p.Kill(), p.Signal(syscall.SIGTERM)); err != nil {
		t.Errorf("end one that is gone: %v", err)
	}
	if !errors.Is(p.Pause(), child.ErrGone) || !errors.Is(p.Resume(), child.ErrGone) {
		t.Error("one that is gone can be paused")
	}
}

func TestAPausedChildStops(t *testing.T) {
	p, log := start(t, `trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done`)
	awaitText(t, log, "up")
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if graceful, err := p.Stop(patience); !graceful || err != nil {
		t.Errorf("stop: %t, %v", graceful, err)
	}
}

// The processes that a child started end with it.
func TestTheWholeGroupEnds(t *testing.T) {
	p, log := start(t, `sleep 1000 & echo $!.; wait`)
	text := awaitText(t, log, ".")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), "."))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(pid, 0) == nil && !zombie(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its parent", pid)
		}
		<-tick.C
	}
}

// zombie reports whether a process has ended and only waits to be reaped, by
// an init that may not care.
func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestStartOfWhatIsNotThere(t *testing.T) {
	if _, err := child.Start(filepath.Join(t.TempDir(), "log"), "no-such-program"); err == nil {
		t.Error("it started")
	}
	if _, err := child.Start(filepath.Join(t.TempDir(), "none", "log"), "true"); err == nil {
		t.Error("it started without a log")
	}
}
