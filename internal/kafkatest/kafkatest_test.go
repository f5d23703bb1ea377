package kafkatest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/kafkatest"
)

// probe stands for a test whose end is watched from outside.
type probe struct {
	testing.TB
	skipped, failed string
}

func (p *probe) Helper() {}

func (p *probe) Skipf(format string, args ...any) {
	p.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

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

func TestMissing(t *testing.T) {
	tests := []struct {
		require  string
		wantFail bool
	}{
		{"", false},
		{"chromium", false},
		{"kafka", true},
		{"chromium, kafka", true},
		{"kafkaesque", false},
	}
	for _, tt := range tests {
		t.Run(tt.require, func(t *testing.T) {
			t.Setenv(kafkatest.RequireEnv, tt.require)
			p := &probe{TB: t}
			p.run(func() { kafkatest.Missing(p, "kafka", "no java") })
			if failed := p.failed != ""; failed != tt.wantFail || failed == (p.skipped != "") {
				t.Errorf("failed %t, skipped %t, want failed %t", failed, p.skipped != "", tt.wantFail)
			}
		})
	}
}

func TestMissingJava(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(kafkatest.RequireEnv, "")
	p := &probe{TB: t}
	p.run(func() { kafkatest.Start(p, kafkatest.Config{}) })
	if p.skipped == "" {
		t.Error("without java Start doesn't skip")
	}
}

func TestEventually(t *testing.T) {
	p := &probe{TB: t}
	calls := 0
	p.run(func() {
		kafkatest.Eventually(p, time.Minute, func() string { return "" }, func() bool { calls++; return calls == 3 })
	})
	if p.failed != "" || calls != 3 {
		t.Errorf("failed %q after %d calls, want success after 3", p.failed, calls)
	}
	p.run(func() {
		kafkatest.Eventually(p, 0, func() string { return "never" }, func() bool { return false })
	})
	if !strings.Contains(p.failed, "not within 0s: never") {
		t.Errorf("a condition that never holds: %q, want a failure", p.failed)
	}
}

func TestEmbedded(t *testing.T) {
	var addrs []string
	t.Run("runs", func(t *testing.T) {
		addrs = kafkatest.Embedded(t)
		createTopic(t, addrs, "events", 1)
	})
	if _, err := connect(addrs); err == nil {
		t.Error("embedded broker outlives its test")
	}
}
