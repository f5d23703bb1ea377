package await_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
)

// probe is a test whose failure is looked at.
type probe struct {
	testing.TB
	failed string
}

func (p *probe) Helper() {}

func (p *probe) Fatalf(format string, args ...any) {
	p.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run calls f as a test of its own would.
func (p *probe) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func TestEventually(t *testing.T) {
	p := &probe{TB: t}
	calls := 0
	p.run(func() {
		await.Eventually(p, time.Minute, func() string { return "" }, func() bool { calls++; return calls == 3 })
	})
	if p.failed != "" || calls != 3 {
		t.Errorf("failed %q after %d calls, want success after 3", p.failed, calls)
	}
	p.run(func() {
		await.Eventually(p, 0, func() string { return "never" }, func() bool { return false })
	})
	if !strings.Contains(p.failed, "not within 0s: never") {
		t.Errorf("a condition that never holds: %q, want a failure", p.failed)
	}
}
