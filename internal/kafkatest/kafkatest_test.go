package kafkatest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
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

func TestMissingJava(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, tt := range []struct{ require, wantSkip, wantFail string }{
		{"", "kafka", ""},
		{"kafka", "", "java"},
	} {
		t.Setenv(parts.RequireEnv, tt.require)
		p := &probe{TB: t}
		p.run(func() { kafkatest.Start(p, kafkatest.Config{}) })
		if (p.skipped == "") != (tt.wantSkip == "") || (p.failed == "") != (tt.wantFail == "") ||
			!strings.Contains(p.skipped, tt.wantSkip) || !strings.Contains(p.failed, tt.wantFail) {
			t.Errorf("without java, and %q named, Start skips with %q and fails with %q", tt.require, p.skipped, p.failed)
		}
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
