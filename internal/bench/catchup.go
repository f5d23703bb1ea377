package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// CaughtUp is what it took a program to bring a journal into both tables.
type CaughtUp struct {
	// Steady is what was committed a second between a quarter and 95 % of the
	// records, and SteadyCPU the processor time for a million of them, in seconds.
	Steady, SteadyCPU float64
	// Total and CPU are the same from the start of the process to its last commit.
	Total, CPU float64
	// Memory is the highest resident memory that was seen, in MiB.
	Memory float64
}

// catchUpPoll is how often is looked how far the program has come. Commits are a
// second apart at the most.
const catchUpPoll = 50 * time.Millisecond

// CatchUp writes that many events to a journal of its own, starts the program, and
// measures until it has committed all.
func (c *Config) CatchUp(ctx context.Context, name string, p Program, events int) (out CaughtUp, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return out, err
	}
	feed := Feed{Kafka: in.Kafka, Prefix: in.Prefix, Users: in.Users, Journal: true}
	if _, err := feed.Run(ctx, events); err != nil {
		return out, fmt.Errorf("load the journal: %w", err)
	}
	began := time.Now()
	m, err := in.processor(ctx, p, "processor")
	if err != nil {
		return out, err
	}
	return in.catchUp(ctx, m, began, int64(events))
}

func (in *installation) catchUp(ctx context.Context, m *member, began time.Time, events int64) (out CaughtUp, err error) {
	limit := began.Add(settleTimeout + time.Duration(events)*time.Millisecond)
	var first, last struct {
		at   time.Time
		done int64
		cpu  time.Duration
	}
	for {
		if err := Pause(ctx, catchUpPoll); err != nil {
			return out, err
		}
		behind, err := in.admin.behind(ctx, in.folding())
		if err != nil {
			return out, err
		}
		used, err := m.footprint()
		if err != nil {
			return out, fmt.Errorf("%w; the end of its log:\n%s", err, m.logTail(8))
		}
		now, done := time.Now(), events-behind
		out.Memory = max(out.Memory, float64(used.Resident)/(1<<20))
		if done < events/4 {
			first.at, first.done, first.cpu = now, done, used.CPU
		}
		if done <= events*95/100 || last.done <= first.done {
			last.at, last.done, last.cpu = now, done, used.CPU
		}
		if behind == 0 {
			if n := float64(last.done - first.done); n > 0 {
				out.Steady = n / last.at.Sub(first.at).Seconds()
				out.SteadyCPU = (last.cpu - first.cpu).Seconds() / n * 1e6
			}
			out.Total = float64(events) / now.Sub(began).Seconds()
			out.CPU = used.CPU.Seconds() / float64(events) * 1e6
			return out, nil
		}
		if now.After(limit) {
			return out, fmt.Errorf("%d of %d records are left after %s; the end of its log:\n%s", behind, events, now.Sub(began).Round(time.Second), m.logTail(8))
		}
	}
}
