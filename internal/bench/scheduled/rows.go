package scheduled

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/bench"
)

// Rows are those of a table once a journal is folded.
type Rows struct {
	Count int
	Bytes int64 // of the last row of each user
}

// RowSizes folds events that use nothing of the capability, and tells how large the
// rows are.
func RowSizes(ctx context.Context, c *bench.Config, name string, events int) (out Rows, err error) {
	s, err := c.Open(ctx, name)
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if err != nil {
		return out, err
	}
	feed := bench.Feed{Kafka: s.Kafka, Prefix: s.Prefix, Users: s.Users, Journal: true}
	if _, err := feed.Run(ctx, events); err != nil {
		return out, fmt.Errorf("load the journal: %w", err)
	}
	if _, err := s.Processor(ctx, "processor"); err != nil {
		return out, err
	}
	if err := s.Rest(ctx, time.Minute+time.Duration(events)*time.Millisecond); err != nil {
		return out, err
	}
	table := s.Prefix.UnreadTable()
	client, err := kgo.NewClient(append(s.Kafka.ClientOptions("belfry-bench"), kgo.ConsumeTopics(table), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return out, fmt.Errorf("open kafka client: %w", err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, table)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return out, fmt.Errorf("find the ends of %s: %w", table, err)
	}
	left := map[int32]int64{} // offsets of the last records that were not read
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			left[end.Partition] = end.Offset - 1
		}
	})
	sizes := map[string]int{}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return out, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			sizes[string(r.Key)] = len(r.Value)
			if last, ok := left[r.Partition]; ok && r.Offset >= last {
				delete(left, r.Partition)
			}
		})
	}
	for key, n := range sizes {
		if belfry.CheckRecipient(key) == nil { // not a partition's own
			out.Count++
			out.Bytes += int64(n)
		}
	}
	return out, nil
}
