package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
)

// A process that was killed could not leave its groups. The next one on its
// state folder does it in its stead, and does not wait for the session
// time-out: here that is longer than the test waits.
func TestARestartAfterAKillDoesNotWaitForTheSession(t *testing.T) {
	t.Parallel()
	brokers := strings.Join(kafkatest.Embedded(t), ",")
	binary := buildBinary(t)
	programtest.Run(t, binary, "topics", "--brokers", brokers, "--partitions", "3")
	metrics := parts.FreeAddr(t)
	p := programtest.Start(t, "processor", binary, "processor", "--brokers", brokers,
		"--state-dir", filepath.Join(t.TempDir(), "state"), "--metrics-addr", metrics, "--session-timeout", "5m")
	p.URL = "http://" + metrics
	p.AwaitReady()
	for range 2 {
		p.Kill()
		p.Restart()
		p.AwaitReady()
	}
}
