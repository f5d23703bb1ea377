package scheduled

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

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
	sizes := map[string]int{}
	if err := s.ReadAll(ctx, s.Prefix.UnreadTable(), func(r *sarama.ConsumerMessage) error {
		sizes[string(r.Key)] = len(r.Value)
		return nil
	}); err != nil {
		return out, err
	}
	for key, n := range sizes {
		if belfry.CheckRecipient(key) == nil { // not a partition's own
			out.Count++
			out.Bytes += int64(n)
		}
	}
	return out, nil
}
