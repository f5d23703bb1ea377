package main

import (
	"testing"
	"time"

	"github.com/belfry/belfry/internal/kafkatest"
)

// idle is longer than whatever happens from time to time takes to come around:
// lag is collected, topics are looked up, stores are flushed.
const idle = 12 * time.Second

// TestIdleRunIsSilent has nothing happen, and nothing said.
func TestIdleRunIsSilent(t *testing.T) {
	t.Parallel()
	s := serveAll(t, runArgs(t, kafkatest.Embedded(t), "--auth", "none")...)
	openStream(t, s.url, "", "user-7")
	before := s.stderr.String()
	select {
	case <-time.After(idle):
	case <-s.exited:
		t.Fatalf("ended with %d", s.code)
	}
	if got := s.stderr.String(); got != before {
		t.Errorf("it said:\n%s", got[len(before):])
	}
	s.wantCleanStop()
}
