package engine

import (
	"testing"

	"github.com/belfry/belfry/engine/kafka"
)

// A session that ends before it has committed anything begins where it did: that is
// counted once.
func TestSkipsAreCountedOnce(t *testing.T) {
	s, claim := skips{}, kafka.TopicPartition{Topic: "in"}
	ours := kafka.CommitMark{Epoch: 7}
	for i, tt := range []struct {
		committed, start int64
		mark             kafka.CommitMark
		deleted, foreign int64
	}{
		{-1, 10, kafka.CommitMark{}, 0, 0}, // nothing was committed
		{5, 8, ours, 3, 0},
		{5, 8, ours, 3, 0},
		{5, 10, ours, 5, 0}, // two more are gone
		{20, 10, kafka.CommitMark{}, 5, 1},
		{20, 10, kafka.CommitMark{}, 5, 1},
		{30, 10, kafka.CommitMark{}, 5, 2},
		{31, 10, ours, 5, 2},
	} {
		s.note(claim, &kafka.StartPosition{Committed: tt.committed, Mark: tt.mark, Epoch: 7, Log: kafka.LogRange{Start: tt.start, End: 100}})
		var got Skips
		if at := s[claim]; at != nil {
			got = *at
		}
		if got.Deleted != tt.deleted || got.ForeignCommits != tt.foreign {
			t.Errorf("after %d: %d deleted, %d foreign; want %d and %d", i, got.Deleted, got.ForeignCommits, tt.deleted, tt.foreign)
		}
	}
}
