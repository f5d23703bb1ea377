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
		want     bool
	}{
		{0, 5, false},
		{stallAfter - 1, 5, false},
		{stallAfter, 5, true},
		{stallAfter, 6, false},
		{2*stallAfter - 1, 6, false},
		{2 * stallAfter, 6, true},
	} {
		if got := m.stands(claim, step.position, now.Add(step.after)); got != step.want {
			t.Errorf("at %d after %s: stands = %t", step.position, step.after, got)
		}
	}
}
