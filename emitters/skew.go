package emitters

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// skewEvery is how often at the most the clocks are compared, skewWait how long that may
// take.
const (
	skewEvery = 10 * time.Second
	skewWait  = 2 * time.Second
)

// Skew is how far this process's clock is ahead of that of a broker, below 0 behind it,
// and when they were last compared, the zero Time if they never were. A broker stamps a
// record of the journal between its sending and its acknowledgement: what that leaves
// open, some milliseconds, counts as none. Clocks are compared beside what is appended,
// skewEvery apart at least; who appends nothing does not know.
func (j *Journal) Skew() (ahead time.Duration, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.skew, j.comparedAt
}

// compare compares the clocks by a record that was appended between two times.
func (j *Journal) compare(sent, acked time.Time, r *kgo.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if acked.Sub(j.comparingAt) < skewEvery {
		return
	}
	j.comparingAt = acked
	j.looks.Go(func() {
		ctx, end := context.WithTimeout(context.Background(), skewWait)
		defer end()
		// An outage keeps the writes from the brokers, too, and they tell.
		stamps, err := j.topics.Timestamps(ctx, j.topic, map[int32]int64{r.Partition: r.Offset})
		stamp, ok := stamps[r.Partition]
		if err != nil || !ok {
			return
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.skew, j.comparedAt = skewOf(sent, acked, time.UnixMilli(stamp)), acked
	})
}

// skewOf is by how much at least a clock that read sent and acked is ahead of the one
// that stamped something in between, below 0 behind it.
func skewOf(sent, acked, stamped time.Time) time.Duration {
	// Stamps are whole milliseconds, cut off.
	if least := sent.Truncate(time.Millisecond).Sub(stamped); least > 0 {
		return least
	}
	return min(acked.Sub(stamped), 0)
}
