package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry/belfry/internal/bench/figures"
)

// The quantities of a [Config.Scale].
const (
	Throughput figures.Quantity = "events/s"
	Behind     figures.Quantity = "lag, records"
	Members    figures.Quantity = "processors"
	Busiest    figures.Quantity = "partitions of the busiest"
)

// ScaleQuantities are those that the samples of [Config.Scale] have.
func ScaleQuantities() []figures.Quantity {
	return []figures.Quantity{Throughput, Behind, Members, Busiest}
}

// scaleEvery is the time between two samples.
const scaleEvery = time.Second

// Scale is a backlog that more and more processors work on.
type Scale struct {
	Events     int           // in the journal before anything runs
	Processors int           // that there are in the end, at least 1
	Every      time.Duration // until the next one joins
	// Sampled is called with each second.
	Sampled func(Second)
}

// Second is one moment of a scaling.
type Second struct {
	At         time.Duration // since the first processor was started
	Processors int           // started so far
	// Rows is how many records a second were written since the last sample, by
	// table.
	Rows map[string]float64
	Lag  float64 // what the unread group has not committed
	// Shares are the partitions of the unread group's members, most first.
	Shares []int
	// Still is for how long the partition of the unread table that has stood
	// still for longest has, of those with a backlog.
	Still time.Duration
}

// Scaled is what a scaling found.
type Scaled struct {
	Samples []figures.Sample
	Took    time.Duration
	Left    int64 // records that were not processed
	Longest map[int]time.Duration
	Endings int
}

// Scale fills the journal, starts a processor, and then one more from time to
// time until there are that many. It returns when the backlog is processed.
func (c *Config) Scale(ctx context.Context, name string, o Scale) (scaled *Scaled, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return nil, err
	}
	feed := Feed{Kafka: in.Kafka, Prefix: in.Prefix, Users: in.Users, Journal: true}
	if _, err := feed.Run(ctx, o.Events); err != nil {
		return nil, fmt.Errorf("write the backlog: %w", err)
	}
	s := &scaling{installation: in, Scale: o, scaled: &Scaled{Longest: map[int]time.Duration{}}}
	if err := s.run(ctx); err != nil {
		return nil, fmt.Errorf("%w; the end of the logs:\n%s", err, in.tails())
	}
	s.scaled.Endings = in.endings()
	return s.scaled, nil
}

// scaling is a scaling under way.
type scaling struct {
	*installation
	Scale
	scaled *Scaled
	began  time.Time
	rows   map[string]int64 // written to the tables, by group
	sample time.Time        // when they were looked at
	moved  map[int32]time.Time
	ends   map[int32]int64
}

func (s *scaling) run(ctx context.Context) error {
	s.began = time.Now()
	s.sample, s.rows = s.began, map[string]int64{}
	s.moved, s.ends = map[int32]time.Time{}, map[int32]int64{}
	limit := s.began.Add(settleTimeout + time.Duration(s.Processors)*s.Every + time.Duration(s.Events)*time.Millisecond)
	for {
		if due := len(s.members); due < s.Processors && time.Since(s.began) >= time.Duration(due)*s.Every {
			if _, err := s.processor(ctx, s.BelfryProcessor("unread"), fmt.Sprintf("processor-%d", due+1)); err != nil {
				return err
			}
		}
		if err := Pause(ctx, scaleEvery); err != nil {
			return err
		}
		now, err := s.look(ctx)
		if err != nil {
			return err
		}
		s.keep(now)
		left := now.Lag
		// A member that reads nothing yet is not behind.
		shared := len(now.Shares) == s.Processors && now.Shares[s.Processors-1] > 0
		if shared && left == 0 || time.Now().After(limit) {
			s.scaled.Took, s.scaled.Left = time.Since(s.began), int64(left)
			return nil
		}
	}
}

// look takes one sample.
func (s *scaling) look(ctx context.Context) (Second, error) {
	out := Second{Processors: len(s.members), Rows: map[string]float64{}}
	for name, table := range map[string]string{"unread": s.Prefix.UnreadTable(), "inbox": s.Prefix.InboxTable()} {
		ends, err := endsOf(ctx, s.admin.kadm, table)
		if err != nil {
			return out, err
		}
		sum := int64(0)
		ends.Each(func(end kadm.ListedOffset) { sum += end.Offset })
		now := time.Now()
		out.Rows[name] = float64(sum-s.rows[name]) / now.Sub(s.sample).Seconds()
		s.rows[name] = sum
		if name == "unread" {
			if out.Still, err = s.still(ctx, ends, now); err != nil {
				return out, err
			}
		}
	}
	group := s.Prefix.UnreadGroup()
	behind, err := s.admin.behind(ctx, map[string][]string{group: s.Prefix.GroupInputs()[group]})
	if err != nil {
		return out, err
	}
	out.Lag = float64(behind)
	found, err := s.admin.kadm.DescribeGroups(ctx, s.Prefix.UnreadGroup())
	if err != nil {
		return out, fmt.Errorf("describe groups: %w", err)
	}
	for _, g := range found {
		for _, m := range g.Members {
			if assigned, ok := m.Assigned.AsConsumer(); ok {
				n := 0
				for _, t := range assigned.Topics {
					n += len(t.Partitions)
				}
				out.Shares = append(out.Shares, n)
			}
		}
	}
	slices.SortFunc(out.Shares, func(a, b int) int { return b - a })
	s.sample = time.Now()
	out.At = s.sample.Sub(s.began)
	return out, nil
}

// still returns how long the partition that has stood still for longest has: of
// those that have records left, each of which will be a row.
func (s *scaling) still(ctx context.Context, ends kadm.ListedOffsets, now time.Time) (longest time.Duration, err error) {
	inputs, err := endsOf(ctx, s.admin.kadm, s.Prefix.Journal())
	if err != nil {
		return 0, err
	}
	ends.Each(func(end kadm.ListedOffset) {
		input, _ := inputs.Lookup(s.Prefix.Journal(), end.Partition)
		last, known := s.moved[end.Partition]
		if !known || end.Offset > s.ends[end.Partition] {
			s.moved[end.Partition], s.ends[end.Partition] = now, end.Offset
			return
		}
		// Before its first row it waits for the first processor to start.
		if end.Offset > 0 && end.Offset < input.Offset {
			longest = max(longest, now.Sub(last))
		}
	})
	return longest, nil
}

func (s *scaling) keep(now Second) {
	for table, rows := range now.Rows {
		values := map[figures.Quantity]float64{Throughput: rows, Behind: now.Lag, Members: float64(now.Processors)}
		if len(now.Shares) > 0 {
			values[Busiest] = float64(now.Shares[0])
		}
		s.scaled.Samples = append(s.scaled.Samples, figures.Sample{Process: table, At: now.At, Values: values})
	}
	s.scaled.Longest[now.Processors] = max(s.scaled.Longest[now.Processors], now.Still)
	if s.Sampled != nil {
		s.Sampled(now)
	}
}
