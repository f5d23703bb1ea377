package chaos

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/chaos/history"
)

// sampleInterval is the time between two looks at the committed offsets.
const sampleInterval = 200 * time.Millisecond

// sampleCommits looks at the committed offsets of all groups until ctx ends.
// While the brokers don't answer there is nothing to see.
func sampleCommits(ctx context.Context, a *admin, seen *history.History) {
	every(ctx, func() time.Duration { return sampleInterval }, func() {
		var asking sync.WaitGroup
		defer asking.Wait()
		for group := range a.inputs() {
			asking.Go(func() {
				offsets, err := a.committed(ctx, group)
				if err != nil {
					return
				}
				at := time.Now()
				for tp, offset := range offsets {
					seen.Record(history.Committed{At: at, Group: group, Topic: tp.topic, Partition: tp.partition, Offset: offset})
				}
			})
		}
	})
}

// Gap is the longest time for which a group committed nothing new in a
// partition although it had work all the while.
type Gap struct {
	Group     string
	Partition int32
	From, To  time.Time
}

// String is one line for people.
func (g Gap) String() string {
	return fmt.Sprintf("%s, partition %d: %.1f s from %s", g.Group, g.Partition, g.To.Sub(g.From).Seconds(), g.From.Format("15:04:05.0"))
}

// Gaps returns the longest gap of each group between two times, by group. They
// are for information: an outage of the brokers is a gap as well, and so is a
// partition to which nobody wrote.
func Gaps(seen []history.Committed, from, to time.Time) []Gap {
	type key struct {
		group, topic string
		partition    int32
	}
	last := map[key]history.Committed{} // when the offset was first seen
	longest := map[string]Gap{}
	for _, c := range seen {
		if c.At.Before(from) || c.At.After(to) {
			continue
		}
		k := key{c.Group, c.Topic, c.Partition}
		before, ok := last[k]
		if ok && before.Offset == c.Offset {
			continue
		}
		last[k] = c
		if g := longest[c.Group]; ok && c.At.Sub(before.At) > g.To.Sub(g.From) {
			longest[c.Group] = Gap{c.Group, c.Partition, before.At, c.At}
		}
	}
	var gaps []Gap
	for _, g := range longest {
		gaps = append(gaps, g)
	}
	slices.SortFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.Group, b.Group) })
	return gaps
}
