package kafkatest_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
)

func TestMissingJava(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, tt := range []struct{ require, wantSkip, wantFail string }{
		{"", "kafka", ""},
		{"kafka", "", "java"},
	} {
		t.Setenv(parts.RequireEnv, tt.require)
		p := &parts.Probe{TB: t}
		p.Run(func() { kafkatest.Start(p, kafkatest.Config{}) })
		if (p.Skipping == "") != (tt.wantSkip == "") || (p.Failing == "") != (tt.wantFail == "") ||
			!strings.Contains(p.Skipping, tt.wantSkip) || !strings.Contains(p.Failing, tt.wantFail) {
			t.Errorf("without java, and %q named, Start skips with %q and fails with %q", tt.require, p.Skipping, p.Failing)
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
