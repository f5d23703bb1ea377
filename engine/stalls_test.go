package engine

import (
	"testing"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

func TestStalls(t *testing.T) {
	m, claim, now := stalls{}, kafka.TopicPartition{Topic: "in", Partition: 3}, time.Unix(1, 0)
	for _, step := range []struct {
		after    time.Duration
		position int64
		record   bool
		want     bool
	}{
		{0, 5, true, false},
		{stallAfter - 1, 5, true, false},
		{stallAfter, 5, true, false},
		{2*stallAfter - 1, 5, true, false},
		{2 * stallAfter, 5, true, true},
		{2 * stallAfter, 6, true, false},
		// Idle for long, and then a record that is worked at for a while.
		{9 * stallAfter, 6, false, false},
		{9*stallAfter + 1, 6, true, false},
		{10*stallAfter + 1, 6, true, false},
		{11 * stallAfter, 6, true, false},
		{11*stallAfter + 1, 6, true, true},
	} {
		if got := m.stands(claim, step.position, now.Add(step.after), func() bool { return step.record }); got != step.want {
			t.Errorf("at %d after %s: stands = %t", step.position, step.after, got)
		}
	}
}
