package scheduled

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry/internal/bench"
)

// Pending is many users with one scheduled notification each, all of them due within a
// time, beside live traffic.
type Pending struct {
	Count   int
	Over    time.Duration // within which they come due
	Lead    time.Duration // from the start of writing them until the first is due
	Rate    int           // live events a second
	Streams int           // live users, each with a stream
}

// Waited is what that took.
type Waited struct {
	// Start and Heap are of a processor that starts again with its state while all wait:
	// until it is ready, and its heap in MiB once it has armed them all, which took
	// Armed. Bare is the same of as many rows that have no time.
	Start, Armed, BareStart time.Duration
	Heap, BareHeap          float64
	// Quiet are the delays of live events while all wait, Busy while they come due.
	Quiet, Busy []time.Duration
	// Settled is from when the first was due until no row had a time left, Late the most
	// that a timer was seen to be overdue.
	Settled, Late time.Duration
	Fired, Again  float64
}

// Run measures. The site's users are the live ones.
func (p Pending) Run(ctx context.Context, c *bench.Config) (out Waited, err error) {
	if out.BareStart, out.BareHeap, err = p.bare(ctx, c); err != nil {
		return out, fmt.Errorf("rows without a time: %w", err)
	}
	s, err := c.Open(ctx, "pending")
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if err != nil {
		return out, err
	}
	due := time.Now().Add(p.Lead).Truncate(time.Second)
	processor, err := p.fill(ctx, s, func(i int) time.Time { return due.Add(time.Duration(i) * p.Over / time.Duration(p.Count)) })
	if err != nil {
		return out, err
	}
	began := time.Now()
	if out.Start, err = processor.Restart(ctx); err != nil {
		return out, err
	}
	for armed := 0.0; armed < float64(p.Count); {
		m, err := metrics(ctx, processor)
		if err != nil {
			return out, err
		}
		armed, out.Heap, out.Armed = m["belfry_timers_pending"], m["go_memstats_heap_alloc_bytes"]/(1<<20), time.Since(began)
		if time.Now().After(due) {
			return out, fmt.Errorf("%.0f of %d timers were armed when the first came due: --lead is too short for this machine", armed, p.Count)
		}
		if err := bench.Pause(ctx, 20*time.Millisecond); err != nil {
			return out, err
		}
	}
	if out.Heap, err = heapAtRest(ctx, processor); err != nil {
		return out, err
	}
	server, err := s.Server(ctx, "server")
	if err != nil {
		return out, err
	}
	route := bench.Route{Kafka: s.Kafka, Prefix: s.Prefix, Users: p.Streams, Journal: true, Server: server.URL(), Rate: p.Rate, Duration: p.Over}
	if left := time.Until(due); left < p.Over+5*time.Second {
		return out, fmt.Errorf("%s are left until the first is due, live events take %s before: --lead is too short for this machine", left.Round(time.Second), p.Over)
	}
	if out.Quiet, err = route.Measure(ctx); err != nil {
		return out, fmt.Errorf("live events while all wait: %w", err)
	}
	if err := bench.Pause(ctx, time.Until(due)); err != nil {
		return out, err
	}
	route.First = int(p.Over.Seconds() * float64(p.Rate)) // other ids
	if out.Busy, err = route.Measure(ctx); err != nil {
		return out, fmt.Errorf("live events while all come due: %w", err)
	}
	for {
		m, err := metrics(ctx, processor)
		if err != nil {
			return out, err
		}
		out.Late = max(out.Late, time.Duration(m["belfry_timers_late_seconds"]*float64(time.Second)))
		out.Fired, out.Again, out.Settled = m["belfry_timers_fired_total"], m["belfry_timers_again_total"], time.Since(due)
		if m["belfry_timers_pending"] == 0 && m["belfry_timers_late_seconds"] == 0 {
			return out, nil
		}
		if err := bench.Pause(ctx, time.Second); err != nil {
			return out, err
		}
	}
}

// bare is the start and the heap of a processor with as many rows that have no time.
func (p Pending) bare(ctx context.Context, c *bench.Config) (start time.Duration, heap float64, err error) {
	s, err := c.Open(ctx, "bare")
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if err != nil {
		return 0, 0, err
	}
	processor, err := p.fill(ctx, s, func(int) time.Time { return time.Time{} })
	if err != nil {
		return 0, 0, err
	}
	if start, err = processor.Restart(ctx); err != nil {
		return 0, 0, err
	}
	heap, err = heapAtRest(ctx, processor)
	return start, heap, err
}

// fill has a processor fold one notification for each user.
func (p Pending) fill(ctx context.Context, s bench.Site, due func(i int) time.Time) (bench.Process, error) {
	processor, err := s.Processor(ctx, "processor")
	if err != nil {
		return processor, err
	}
	err = write(ctx, s, p.Count, func(i int) (string, time.Time, time.Time) {
		return fmt.Sprintf("later-%07d", i), time.Time{}, due(i)
	})
	if err != nil {
		return processor, err
	}
	return processor, s.Rest(ctx, time.Minute+time.Duration(p.Count)*time.Millisecond)
}

// heapAtRest is the lowest heap of some seconds, in MiB, in which a process does nothing:
// what it holds, nearly.
func heapAtRest(ctx context.Context, p bench.Process) (float64, error) {
	least := 0.0
	for range 25 {
		m, err := metrics(ctx, p)
		if err != nil {
			return 0, err
		}
		if heap := m["go_memstats_heap_alloc_bytes"] / (1 << 20); least == 0 || heap < least {
			least = heap
		}
		if err := bench.Pause(ctx, 200*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return least, nil
}

// metrics are those of a process that have no labels, by name.
func metrics(ctx context.Context, p bench.Process) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	out := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if name, text, ok := strings.Cut(lines.Text(), " "); ok {
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				out[name] = n
			}
		}
	}
	return out, nil
}
