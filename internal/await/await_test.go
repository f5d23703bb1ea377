package await_test

import (
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/parts"
)

func TestEventually(t *testing.T) {
	p := &parts.Probe{TB: t}
	calls := 0
	p.Run(func() {
		await.Eventually(p, time.Minute, func() string { return "" }, func() bool { calls++; return calls == 3 })
	})
	if p.Failing != "" || calls != 3 {
		t.Errorf("failed %q after %d calls, want success after 3", p.Failing, calls)
	}
	p.Run(func() {
		await.Eventually(p, 0, func() string { return "never" }, func() bool { return false })
	})
	if !strings.Contains(p.Failing, "not within 0s: never") {
		t.Errorf("a condition that never holds: %q, want a failure", p.Failing)
	}
}
