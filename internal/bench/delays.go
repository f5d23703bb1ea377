package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bench/client"
)

// arriveTimeout is how long the last events may take to arrive.
const arriveTimeout = 30 * time.Second

// Route is the way of events whose delays are measured.
type Route struct {
	Kafka  kafka.Config
	Prefix belfry.Prefix
	Users  int
	// Journal: events enter at the journal, not at the notifications topic.
	Journal bool
	// Server is the URL of a server: events arrive when they come out of the
	// stream that every user has open. Without one they arrive when their
	// content is in the inbox table's topic.
	Server   string
	Rate     int // events per second
	Duration time.Duration
	First    int // the number of the first event
}

// Measure sends events when they are due, whether earlier ones have arrived or
// not, and returns how long each took from when it was due until it arrived.
// Those of the first second are left out.
func (r *Route) Measure(ctx context.Context) ([]time.Duration, error) {
	a := &arrivals{sent: map[string]time.Time{}, none: make(chan struct{})}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	g, beside := errgroup.WithContext(beside)
	watch := r.watchTable
	if r.Server != "" {
		watch = r.watchStreams
	}
	if err := watch(beside, g, a); err != nil {
		stop()
		return nil, errors.Join(err, g.Wait())
	}
	g.Go(func() error {
		defer stop()
		feed := Feed{Kafka: r.Kafka, Prefix: r.Prefix, Users: r.Users, Rate: r.Rate, Journal: r.Journal, Due: a.send, First: r.First}
		if _, err := feed.Run(beside, int(r.Duration.Seconds()*float64(r.Rate))); err != nil {
			return err
		}
		a.close()
		select {
		case <-a.none:
			return nil
		case <-time.After(arriveTimeout):
			return fmt.Errorf("%d events had not arrived after %s", a.missing(), arriveTimeout)
		case <-beside.Done():
			return beside.Err()
		}
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return a.took[min(r.Rate, len(a.took)):], nil
}

// watchTable has the arrivals in the inbox table noted until ctx ends.
func (r *Route) watchTable(ctx context.Context, g *errgroup.Group, a *arrivals) error {
	follower, err := Follow(ctx, r.Kafka, r.Prefix.InboxTable())
	if err != nil {
		return err
	}
	g.Go(func() error {
		defer follower.Close()
		return follower.Run(ctx, func(rec *kgo.Record, at time.Time) {
			if rec.Value == nil {
				return
			}
			// An event that can't be read is missed in the end.
			if item, err := codec.DecodeItem(rec.Value); err == nil {
				a.arrive(item.ID, at)
			}
		})
	})
	return nil
}

// watchStreams opens a stream for every user and returns when all have begun.
// One that ends before ctx does is an error of g.
func (r *Route) watchStreams(ctx context.Context, g *errgroup.Group, a *arrivals) error {
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: r.Users, DisableCompression: true}}
	var begun sync.WaitGroup
	for i := range r.Users {
		begun.Add(1)
		once := sync.OnceFunc(begun.Done)
		g.Go(func() error {
			defer once()
			err := client.ReadStream(ctx, web, r.Server, Recipient(i, r.Users), once, a.arrive)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return fmt.Errorf("read stream: %w", err)
			}
			return errors.New("a stream ended before its time")
		})
	}
	begun.Wait()
	return nil
}

// arrivals takes down how long events took. It is safe for concurrent use.
type arrivals struct {
	mu   sync.Mutex
	sent map[string]time.Time // by id, what has not arrived
	took []time.Duration
	none chan struct{} // closed when the last has arrived, once closing is set
	last bool
}

func (a *arrivals) send(id string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent[id] = at
}

func (a *arrivals) arrive(id string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if sent, ok := a.sent[id]; ok {
		delete(a.sent, id)
		a.took = append(a.took, at.Sub(sent))
		a.finish()
	}
}

// close says that no more is sent.
func (a *arrivals) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = true
	a.finish()
}

// missing is how many have not arrived.
func (a *arrivals) missing() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sent)
}

// finish must be called with the lock held.
func (a *arrivals) finish() {
	if a.last && len(a.sent) == 0 {
		close(a.none)
	}
}

// Latency measures the route of the given shape through processes of its own: of
// the program and, if events are to come out of streams, a server.
func (c *Config) Latency(ctx context.Context, name string, p Program, streams bool, r Route) (delays []time.Duration, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return nil, err
	}
	r.Kafka, r.Prefix, r.Users = in.Kafka, in.Prefix, in.Users
	if _, err := in.processor(ctx, p, "processor"); err != nil {
		return nil, err
	}
	if streams {
		m, err := in.server(ctx, "server")
		if err != nil {
			return nil, err
		}
		r.Server = m.url
	}
	for _, m := range in.members {
		if err := m.awaitReady(ctx); err != nil {
			return nil, err
		}
	}
	return r.Measure(ctx)
}
